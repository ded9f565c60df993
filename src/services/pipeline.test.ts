import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { firstValueFrom, timeout } from 'rxjs';
import * as assert from 'uvu/assert';
import { ConfigError } from '../config/config-error.ts';
import { suite } from '../testing/suite.ts';
import { withTemporaryFolder } from '../testing/temporary-folder.ts';
import { loadPipeline, pipelineWarnings, printableConfig, readPipelineConfig, watchConfig } from './pipeline.ts';

const INGESTION = `
service: ingestion
google: { projectId: p }
mqtt: { url: "mqtt://broker:1883", clientId: c, password: "\${MQTT_PASSWORD:hidden}" }
routes:
  up: { source: { mqtt_topic: a/+, qos: 1 }, destination: { route_name: raw } }
producers:
  raw: { outputTopicId: raw }
deadLetters: { topicId: dead }
`;

const ENRICH = `
service: enrich
google: { projectId: p }
source: { subscriptionId: s }
lookup: { memory: {}, redis: { url: "redis://user:hidden@host:6379" } }
output: { topicId: out }
`;

/** Creates a pipeline's folder with these files. */
function inFolder<T>(files: Record<string, string>, body: (folder: string) => T | Promise<T>): Promise<T> {
  return withTemporaryFolder((folder) => {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    return body(folder);
  });
}

const read = (text: string, env: Record<string, string> = {}) =>
  inFolder({ 'pipeline.yaml': text }, (folder) => readPipelineConfig(folder, env));

/** Returns the problems of a refused pipeline. */
async function refusal(text: string, env: Record<string, string> = {}, hooks?: string): Promise<string[]> {
  const files = { 'pipeline.yaml': text, ...(hooks === undefined ? {} : { 'hooks.ts': hooks }) };
  try {
    await inFolder(files, (folder) => loadPipeline(folder, env));
  } catch (thrown) {
    if (!(thrown instanceof ConfigError)) throw thrown;
    return thrown.issues.map(({ path, problem }) => `${path}: ${problem}`);
  }
  throw new Error('the pipeline was not refused');
}

suite('pipeline configuration', ({ test }) => {
  test('is read from its folder or its file, with defaults', async () => {
    await inFolder({ 'pipeline.yaml': INGESTION }, (folder) => {
      for (const path of [folder, join(folder, 'pipeline.yaml')]) {
        const config = readPipelineConfig(path, {});
        assert.is(config.service, 'ingestion');
        assert.is(config.http.port, 8080);
        assert.is(config.service === 'ingestion' && config.mqtt.maxInFlight, 5_000);
      }
    });
  });

  test('variables and overrides come from the environment; the override wins', async () => {
    const text = INGESTION.replace('clientId: c', `clientId: "\${CLIENT}"`);
    const config = await read(text, {
      CLIENT: '42',
      DATAFLOW_MQTT__URL: 'mqtts://other:8883',
      DATAFLOW_HTTP__PORT: '9090',
    });
    assert.is(config.service === 'ingestion' && config.mqtt.clientId, '42');
    assert.is(config.service === 'ingestion' && config.mqtt.url, 'mqtts://other:8883');
    assert.is(config.http.port, 9090);
    const nested = await read(INGESTION, { DATAFLOW_ROUTES__UP__SOURCE__QOS: '0' });
    assert.is(nested.service === 'ingestion' && nested.routes.up?.source.qos, 0);
  });

  test('reports every problem together: of the file, the variables, the overrides and the routes', async () => {
    const text = INGESTION.replace('clientId: c', `clientId: "\${MISSING}"`)
      .replace('qos: 1', 'qos: 7')
      .replace('google: { projectId: p }', 'google: {}')
      .replace('deadLetters', 'deadLeters');
    const found = await refusal(text, { DATAFLOW_MQTT__ULR: 'x' });
    for (const expected of [
      'mqtt.clientId: the environment variable MISSING is not set and has no default',
      'DATAFLOW_MQTT__ULR: this override does not name a setting; did you mean DATAFLOW_MQTT__URL?',
      'routes.up.source.qos: expected 0, 1 or 2, got 7',
      'google.projectId: is missing',
      'deadLeters: there is no such setting; did you mean deadLetters?',
      'deadLetters: is missing',
    ]) {
      assert.ok(found.includes(expected), `${expected}\nnot in\n${found.join('\n')}`);
    }
    assert.is(found.length, 6, found.join('\n'));
  });

  test('loose routes are reported once, with and without other problems', async () => {
    const text = INGESTION.replace('route_name: raw', 'route_name: rwa');
    const loose = 'routes.up.destination.route_name: there is no producer "rwa" under producers (there is: raw)';
    assert.ok((await refusal(text)).includes(loose));
    const covered = INGESTION.replace(
      'routes:',
      'routes:\n  all: { source: { mqtt_topic: "#", qos: 1 }, destination: { route_name: raw } }',
    );
    for (const problems of [await refusal(covered), await refusal(covered.replace('projectId: p', 'projectId: ""'))]) {
      const loose = problems.filter((problem) => problem.startsWith('routes.up.source.mqtt_topic: '));
      assert.is(loose.length, 1, problems.join('\n'));
    }
    const both = await refusal(text.replace('google: { projectId: p }', 'google: {}'));
    assert.ok(both.includes(loose) && both.some((problem) => problem.startsWith('google.projectId')), both.join('\n'));
  });

  test('attempts before dead-letter exist if a message can be returned', async () => {
    const consumer = (attempts: string) => `${ENRICH}deadLetters: { topicId: d, maxAttempts: ${attempts} }\n`;
    const config = await read(consumer('100'));
    assert.is(config.deadLetters?.maxAttempts, 100);
    assert.is((await read(`${ENRICH}deadLetters: { topicId: d }\n`)).deadLetters?.maxAttempts, 1);
    assert.match((await refusal(consumer('0'))).join(), 'deadLetters.maxAttempts: expected at least 1');
    assert.match((await refusal(consumer('101'))).join(), 'deadLetters.maxAttempts: expected at most 100');
    const ingestion = INGESTION.replace('topicId: dead', 'topicId: dead, maxAttempts: 3');
    assert.match((await refusal(ingestion)).join(), /^deadLetters\.maxAttempts: ingestion has no such setting: MQTT/);
    assert.match((await refusal(INGESTION, { DATAFLOW_DEAD_LETTERS__MAX_ATTEMPTS: '3' })).join(), 'no such setting');
  });

  test('identity is a setting of the services that write to a sink', async () => {
    const icestore = `
service: icestore
google: { projectId: p }
source: { subscriptionId: s }
bucket: { name: b }
`;
    const identity = async (text: string, env: Record<string, string> = {}) => {
      const config = await read(text, env);
      return config.service === 'icestore' ? config.identity : undefined;
    };
    assert.equal(await identity(icestore), { publishTime: false });
    assert.equal(await identity(icestore, { DATAFLOW_IDENTITY__PUBLISH_TIME: 'true' }), { publishTime: true });
    assert.equal(await refusal(`${icestore}identity: { publishTime: sometimes }\n`), [
      'identity.publishTime: expected true or false, got "sometimes"',
    ]);
    assert.match(
      (await refusal(`${icestore}identity: { topic: false }\n`)).join(),
      /identity\.topic: there is no such setting/,
    );
    assert.match((await refusal(`${ENRICH}identity: {}\n`)).join(), /identity: there is no such setting/);
  });

  test('the shipped ingestion pipeline speaks MQTT 5, unless the environment names another version', () => {
    const path = join(import.meta.dirname, '../../pipelines/ingestion');
    const versionOf = (env: Record<string, string>) => {
      const config = readPipelineConfig(path, { GOOGLE_CLOUD_PROJECT: 'p', ...env });
      return config.service === 'ingestion' ? config.mqtt.protocolVersion : undefined;
    };
    assert.is(versionOf({}), 5);
    assert.is(versionOf({ MQTT_PROTOCOL_VERSION: '4' }), 4);
  });

  test('refuses a file that is missing, invalid YAML, or for an unknown service', async () => {
    assert.throws(() => readPipelineConfig('/no/such/folder', {}), /cannot be read/);
    assert.match((await refusal('a: [\n')).join(), 'line 2');
    assert.match(
      (await refusal('service: other\n')).join(),
      /^service: expected ingestion, enrich, [\w, ]+ or \w+, got "other"$/,
    );
    for (const text of ['', '[]', '7']) assert.match((await refusal(text)).join(), 'got nothing');
  });

  test('is printed without its secrets', async () => {
    const printed = JSON.stringify([printableConfig(await read(INGESTION)), printableConfig(await read(ENRICH))]);
    assert.not.match(printed, 'hidden');
    assert.match(printed, '"password":"***"');
    assert.match(printed, 'redis://user:***@host:6379');
    const sentinel = `${ENRICH.replace('} }', ', password: hidden, sentinel: { name: m, password: hidden } } }')}`;
    assert.not.match(JSON.stringify(printableConfig(await read(sentinel))), 'hidden');
    assert.match(printed, 'mqtt://broker:1883');
  });

  test('warns about allowed but probably unintended settings', async () => {
    assert.match(pipelineWarnings(await read(ENRICH)).join(), /^deadLetters: not set/);
    const enrich = await read(`${ENRICH}deadLetters: { topicId: d }\n`);
    assert.match(
      pipelineWarnings(enrich).join('|'),
      /^lookup\.redis\.keyPrefix: not set, although Redis is the registry[^|]*$/,
    );
    assert.equal(pipelineWarnings(enrich, { fetcher: () => undefined }), []);
    const cache = { DATAFLOW_DEAD_LETTERS__TOPIC_ID: 'd', DATAFLOW_LOOKUP__FIRESTORE__COLLECTION: 'c' };
    assert.equal(pipelineWarnings(await read(ENRICH, cache)), []);
    const icestore = `
service: icestore
google: { projectId: p }
source: { subscriptionId: s }
bucket: { name: b }
archive: { acceptTestTime: true }
deadLetters: { topicId: d }
`;
    assert.match(pipelineWarnings(await read(icestore)).join(), /^archive\.acceptTestTime: any publisher can choose/);
    const named = pipelineWarnings(await read(icestore), { batchKey: () => 'x' });
    assert.match(named.join(), /^archive\.acceptTestTime: has no effect/);
    const bigqueries = `
service: bigqueries
google: { projectId: p }
source: { subscriptionId: s, maxInFlight: 100 }
table: { datasetId: d, tableId: t, schema: [{ name: a, type: STRING }] }
insert: { maxRows: 500 }
deadLetters: { topicId: d }
`;
    assert.match(
      pipelineWarnings(await read(bigqueries)).join(),
      /^source\.maxInFlight \(100\) is below insert\.maxRows \(500\)/,
    );
  });
});

suite('pipeline hooks', ({ test }) => {
  test('are loaded if there are any', async () => {
    await inFolder({ 'pipeline.yaml': ENRICH }, async (folder) => {
      const { hooks, file } = await loadPipeline(folder, {});
      assert.equal(hooks, {});
      assert.is(file, join(folder, 'pipeline.yaml'));
      writeFileSync(
        join(folder, 'hooks.ts'),
        `export const keyExtractor = (message: { id: string }): string => message.id;`,
      );
      const { keyExtractor } = (await loadPipeline(folder, {})).hooks;
      assert.is(typeof keyExtractor === 'function' && keyExtractor({ id: 'x' }), 'x');
    });
  });

  test('are refused together if unknown to the service or not functions', async () => {
    assert.equal(await refusal(ENRICH, {}, 'export const transformer = () => 1; export const applier = 7;'), [
      'applier: expected a function',
      'transformer: there is no such hook; this service has keyExtractor, fetcher and applier',
    ]);
    assert.match((await refusal(ENRICH, {}, 'throw new Error("broken hook")')).join(), 'cannot be loaded: broken hook');
  });
});

suite('lookup of a pipeline', ({ test }) => {
  const FETCHER = 'export const fetcher = (key: string) => ({ key });';
  const withLookup = (lookup: string) => ENRICH.replace(/^lookup: .*$/m, lookup);

  test('needs exactly one layer that provides the data', async () => {
    const nowhere = 'expected redis, firestore or a hook "fetcher": memory alone has no data';
    for (const lookup of ['lookup: { memory: {} }', '']) {
      assert.equal(await refusal(withLookup(lookup)), [`lookup: ${nowhere}`]);
      await inFolder({ 'pipeline.yaml': withLookup(lookup), 'hooks.ts': FETCHER }, async (folder) => {
        assert.is(typeof (await loadPipeline(folder, {})).hooks.fetcher, 'function');
      });
    }
    assert.equal(await refusal(withLookup('lookup: { firestore: { collection: c } }'), {}, FETCHER), [
      'lookup.firestore: the hook "fetcher" replaces it: remove one of the two',
    ]);
  });

  test('a cache has its own keys', async () => {
    const problem =
      'lookup.redis.keyPrefix: is empty: a device that chooses its id could name any key of that Redis; omit it, or set one';
    const redis = 'redis: { url: "redis://h", keyPrefix: "" }';
    assert.equal(await refusal(withLookup(`lookup: { ${redis}, firestore: { collection: c } }`)), [problem]);
    assert.equal(await refusal(withLookup(`lookup: { ${redis} }`), {}, FETCHER), [problem]);
    await read(withLookup(`lookup: { ${redis} }`));
  });

  test('refuses contradictory settings of Redis', async () => {
    const refused = (redis: string) => refusal(withLookup(`lookup: { redis: { ${redis} } }`));
    for (const [redis, problem] of [
      [
        'url: "redis://u:hidden@h?db=1"',
        'lookup.redis.url: expected an address such as redis://user:password@host:6379/0, URL-encoded, with other options as separate settings, got "redis://***@h?db=1"',
      ],
      ['url: "redis://u:hid/den@h"', 'with other options as separate settings, got "redis://***@h"'],
      ['url: "redis://a,b"', 'lookup.redis: url has several hosts: set cluster to true, or sentinel.name'],
      [
        'url: "redis://a,b", cluster: true, sentinel: { name: m }',
        'lookup.redis: expected cluster or sentinel, not both',
      ],
      ['url: "redis://a/2", cluster: true', 'lookup.redis: a cluster has only db 0'],
      ['url: "rediss://a", caFile: /no/such', 'the file "/no/such" does not exist'],
      ['url: "redis://a", caFile: /dev/null', 'lookup.redis: caFile needs TLS: begin url with rediss://'],
      [
        'url: "redis://a", password: a, passwordFile: /dev/null',
        'lookup.redis: expected password or passwordFile, not both',
      ],
      [
        'url: "redis://a", sentinel: { name: m, password: a, passwordFile: /dev/null }',
        'lookup.redis.sentinel: expected password or passwordFile, not both',
      ],
    ] as const) {
      const problems = await refused(redis);
      assert.is(problems.length, 1, problems.join());
      assert.ok(problems[0]?.includes(problem), problems[0]);
    }
  });
});

suite('a watched configuration', ({ test }) => {
  test('emits each change of the file, or why it is refused', async () => {
    await inFolder({ 'pipeline.yaml': INGESTION }, async (folder) => {
      mkdirSync(join(folder, 'other'));
      const file = join(folder, 'pipeline.yaml');
      const next = async (text: string) => {
        const change = firstValueFrom(watchConfig('ingestion', file, {}).pipe(timeout(5_000)));
        writeFileSync(file, text);
        return change;
      };
      const changed = await next(INGESTION.replaceAll('up:', 'down:'));
      assert.equal(changed instanceof Error ? changed : Object.keys(changed.routes), ['down']);
      for (const [text, problem] of [
        [INGESTION.replace('qos: 1', 'qos: 3'), 'expected 0, 1 or 2, got 3'],
        ['routes: [', 'pipeline.yaml: '],
        [ENRICH, 'cannot become another service'],
        ['a: *nowhere', 'nowhere'],
      ] as const) {
        const refused = await next(text);
        assert.instance(refused, ConfigError);
        assert.match(refused instanceof Error ? refused.message : '', problem);
      }
    });
  });
});
