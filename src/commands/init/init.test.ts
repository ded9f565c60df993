import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { readDeclaration } from '../../services/declaration.ts';
import { readPipelineConfig } from '../../services/pipeline.ts';
import { SERVICE_NAMES } from '../../services/services.ts';
import { type EndedCommand, runCli } from '../../testing/cli.ts';
import { type PipelineFolder, pipelineFolder } from '../../testing/pipeline-folder.ts';
import { testScope } from '../../testing/scope.ts';
import { suite } from '../../testing/suite.ts';

const SAMPLE =
  '{"temperature":21.5,"battery":90,"at":"2026-11-29T10:00:00Z","topic":"own","site":{"floor":2},"gone":null}';

suite('init', (it) => {
  const { test, beforeEach } = it;
  const scope = testScope(it);
  let folder: PipelineFolder;

  beforeEach(() => {
    folder = pipelineFolder(scope);
    folder.file('payload.json', SAMPLE);
  });

  const init = (...args: string[]): Promise<EndedCommand> => runCli(['init', ...args], { cwd: folder.path });
  const written = (name: string, service: string) => join(folder.path, 'pipelines', name, service, 'pipeline.yaml');

  test('prints the files and the columns as one JSON object', async () => {
    const { code, stdout, output } = await init('home', '--topic', 'a/+', '--sample', 'payload.json', '--json');
    assert.is(code, 0, output);
    const { files, columns } = JSON.parse(stdout);
    assert.is(files.length, 5);
    assert.ok(existsSync(join(folder.path, files[0])), files[0]);
    assert.equal(
      columns.find(({ name }: { name: string }) => name === 'battery'),
      { name: 'battery', type: 'INT64' },
    );
  });

  test('writes four pipelines that are valid, and fit together', async () => {
    const { code, stdout, output } = await init('home-1', '--topic', 'home/+/temperature', '--sample', 'payload.json');
    assert.is(code, 0, output);
    const files = [...SERVICE_NAMES.map((service) => `${service}/pipeline.yaml`), 'sample.json'];
    assert.equal(
      stdout.trimEnd().split('\n'),
      files.map((file) => `pipelines/home-1/${file}`),
    );
    assert.is(readFileSync(join(folder.path, 'pipelines/home-1/sample.json'), 'utf8'), SAMPLE);
    assert.match(output, 'INT64, which refuses fractions: battery');
    assert.match(output, 'npm run cli -- up pipelines/home-1');
    for (const service of SERVICE_NAMES) {
      const validated = await runCli(['validate', written('home-1', service)], { cwd: folder.path });
      assert.is(validated.code, 0, validated.output);
      assert.not.match(validated.output, /warning/);
    }

    const configs = SERVICE_NAMES.map((service) => readPipelineConfig(written('home-1', service), {}));
    assert.is(new Set(configs.map(({ http }) => http.port)).size, 4, 'each has a port of its own');
    const declared = SERVICE_NAMES.map((service) => readDeclaration(written('home-1', service), {}).resources);
    const topics = declared.flatMap((each) => each.topics.map(({ topicId }) => topicId));
    const subscriptions = declared.flatMap((each) => each.subscriptions);
    assert.equal(topics, ['home-1-raw', 'home-1-dead-letters', 'home-1-enriched']);
    for (const { topicId } of subscriptions) assert.ok(topics.includes(topicId), topicId);
    for (const config of configs) {
      if (!('source' in config)) continue;
      assert.ok(subscriptions.some(({ subscriptionId }) => subscriptionId === config.source.subscriptionId));
    }
    const bigqueries = configs.find((config) => config.service === 'bigqueries');
    assert.equal(
      bigqueries?.service === 'bigqueries' && bigqueries.table.schema.map(({ name, type, from }) => [name, type, from]),
      [
        ['message_id', 'STRING', 'metadata.id'],
        ['received_at', 'TIMESTAMP', 'metadata.publishTime'],
        ['topic', 'STRING', 'attributes.mqtt_topic'],
        ['device_id', 'STRING', 'enrichmentData.DeviceID'],
        ['device_name', 'STRING', 'enrichmentData.name'],
        ['device_location', 'STRING', 'enrichmentData.location'],
        ['temperature', 'FLOAT64', undefined],
        ['battery', 'INT64', undefined],
        ['at', 'TIMESTAMP', undefined],
        ['payload_topic', 'STRING', 'payload["topic"]'],
        ['site', 'RECORD', undefined],
        ['gone', 'JSON', undefined],
      ],
    );
  });

  test('writes valid pipelines for odd filters and payloads', async () => {
    const odd = { 'a "b"': [{ '${X}': 1 }, { y: null }], 'ü.x': { '': {} }, on: true, '-': '- x: {}', message_id: 7 };
    folder.file('odd.json', JSON.stringify(odd));
    for (const [index, topic] of ['#', '+/a "b"/+/#', "it's/{x}/+", 'yes', '$SYS/#'].entries()) {
      const name = `odd${index}`;
      const { code, output } = await init(name, '--topic', topic, '--sample', 'odd.json');
      assert.is(code, 0, output);
      for (const service of SERVICE_NAMES) {
        const config = readPipelineConfig(written(name, service), {});
        if (config.service !== 'ingestion') continue;
        assert.equal([config.routes.messages?.source.mqtt_topic, config.id], [topic, 'payload.message_id']);
      }
    }
  });

  test('overwrites nothing without --force', async () => {
    const args = ['home', '--topic', 'a/+', '--sample', 'payload.json', '--folder', 'elsewhere'];
    const file = join(folder.path, 'elsewhere/home/enrich/pipeline.yaml');
    mkdirSync(join(file, '..'), { recursive: true });
    writeFileSync(file, 'mine');
    const refused = await init(...args);
    assert.is(refused.code, 2, refused.output);
    assert.match(refused.output, /elsewhere\/home\/enrich\/pipeline\.yaml: already exists; .*--force/);
    assert.is(readFileSync(file, 'utf8'), 'mine');
    assert.not.ok(existsSync(join(folder.path, 'elsewhere/home/ingestion')), 'nothing is written');
    const forced = await init(...args, '--force');
    assert.is(forced.code, 0, forced.output);
    assert.match(readFileSync(file, 'utf8'), /^# Pub\/Sub to Pub\/Sub/);
  });

  test('refuses a wrong name, topic filter or sample, with the way out', async () => {
    folder.file('broken.json', '{"temperature":21,5}');
    folder.file('bytes.json', '');
    writeFileSync(join(folder.path, 'bytes.json'), Buffer.from([0xff]));
    mkdirSync(join(folder.path, 'pipelines/single'), { recursive: true });
    writeFileSync(join(folder.path, 'pipelines/single/pipeline.yaml'), '');
    const cases: readonly (readonly [name: string, topic: string, sample: string, says: RegExp])[] = [
      ['Home', 'a', 'payload.json', /<name>: "Home" cannot .*such as home or plant-7/],
      ['../up', 'a', 'payload.json', /<name>: "\.\.\/up"/],
      ['google-home', 'a', 'payload.json', /no "google"/],
      ['single', 'a', 'payload.json', /pipelines\/single is a pipeline itself; choose another name/],
      ['home', 'a/#/b', 'payload.json', /--topic: "#" must be alone in the last level/],
      ['home', 'a+', 'payload.json', /--topic: "\+" must be alone/],
      ['home', '$share/group/a', 'payload.json', /--topic: .*mqtt\.shareGroup/],
      ['home', 'a', 'missing.json', /--sample: missing\.json cannot be read: ENOENT/],
      ['home', 'a', 'broken.json', /--sample: broken\.json is not JSON: .*such as \{"temperature":21\.5\}/],
      ['home', 'a', 'bytes.json', /--sample: bytes\.json is not UTF-8/],
    ];
    for (const [name, topic, sample, says] of cases) {
      const { code, output } = await init(name, '--topic', topic, '--sample', sample);
      assert.match(output, says);
      assert.not.match(output, /\n\s+at /, 'a stack trace');
      assert.is(code, 2, output);
    }
    assert.not.ok(existsSync(join(folder.path, 'pipelines/home')));
    const incomplete = await init('home', '--topic', 'a');
    assert.is(incomplete.code, 2);
    assert.match(incomplete.output, /--sample <file>/);
  });
});
