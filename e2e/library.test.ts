import {
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { PubSub } from '@google-cloud/pubsub';
import * as assert from 'uvu/assert';
import { startChild } from '../src/testing/child.ts';
import { collectMessages } from '../src/testing/collect-messages.ts';
import { eventually } from '../src/testing/eventually.ts';
import { newTopics } from '../src/testing/new-topic.ts';
import { envelopeData, publishEnvelope } from '../src/testing/publish-envelope.ts';
import { repositoryCopy } from '../src/testing/repository-copy.ts';
import { suiteScope } from '../src/testing/scope.ts';
import { Scrape } from '../src/testing/scrape.ts';
import { startServers } from '../src/testing/servers.ts';
import { suite } from '../src/testing/suite.ts';

const ROOT = join(import.meta.dirname, '..');
const PACKED = ['package.json', 'tsconfig.json', 'tsconfig.build.json', 'src', 'README.md', 'LICENSE'];
const MOST_LINES = 40;

/** Files of a user's project, next to the code that a test writes. */
const PROJECT = {
  'package.json': { name: 'mine', type: 'module' },
  'tsconfig.json': {
    compilerOptions: { target: 'es2022', module: 'nodenext', strict: true, types: ['node'] },
  },
};

interface Manifest {
  readonly exports: Readonly<Record<string, string | { readonly types: string; readonly default: string }>>;
  readonly bin: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
}

const readManifest = (folder: string): Manifest => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));

/** Runs a program of this repository, and expects exit code 0. */
async function run(cwd: string, command: string, ...args: readonly string[]): Promise<string> {
  const child = await startChild(command, args, { cwd, env: { ...process.env, npm_config_offline: 'true' } });
  assert.is(await child.exited, 0, `${command} ${args.join(' ')}\n${child.output}`);
  return child.stdout;
}

/** The service on the page: its only code block in TypeScript. */
function serviceOfThePage(): string {
  const [block, second] = readFileSync(join(ROOT, 'docs/library.md'), 'utf8').matchAll(/^```ts\n(.*?)^```/gms);
  if (block?.[1] === undefined || second !== undefined) throw new Error('docs/library.md has one block of TypeScript');
  return block[1];
}

suite('the package', ({ test, before, after }) => {
  const scope = suiteScope({ after });
  const folder = mkdtempSync(join(tmpdir(), 'dataflow-'));
  scope.defer(() => rmSync(folder, { recursive: true, force: true }));
  const project = join(folder, 'project');
  const installed = join(project, 'node_modules/dataflow-services');

  /**
   * Creates the tarball from a copy, so that nothing changes here, and unpacks it in an empty project, without a
   * registry.
   */
  before(async () => {
    const copy = repositoryCopy(scope, PACKED);
    await run(copy, 'npm', 'pack');
    const [tarball = ''] = globSync('*.tgz', { cwd: copy });
    mkdirSync(installed, { recursive: true });
    await run(installed, 'tar', '-xzf', join(copy, tarball), '--strip-components=1');
    // Omits the repository's other packages: the code must not need one that npm would not install.
    for (const name of [...Object.keys(readManifest(installed).dependencies), '@types/node']) {
      const link = join(project, 'node_modules', name);
      mkdirSync(dirname(link), { recursive: true });
      symlinkSync(join(ROOT, 'node_modules', name), link);
    }
    for (const [name, content] of Object.entries(PROJECT)) writeFileSync(join(project, name), JSON.stringify(content));
  });

  const write = (name: string, text: string): void => {
    const file = join(project, name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  };
  const node = (...args: readonly string[]) => run(project, process.execPath, ...args);

  test('contains compiled code and types, without tests and sandbox', () => {
    const files = globSync('**/*', { cwd: installed }).filter((path) => /\.\w+$/.test(path));
    const foreign = files.filter((path) => /(^|[/.])(test|testing|contract|sandbox|demo)([/.]|$)/.test(path));
    assert.equal(foreign, []);
    assert.equal(
      files.filter((path) => path.endsWith('.ts') && !path.endsWith('.d.ts')),
      [],
    );
    for (const name of ['page.html', 'page.css', 'page.js'])
      assert.ok(existsSync(join(installed, 'dist/http/page', name)));
    for (const entry of Object.values(readManifest(installed).exports)) {
      for (const path of typeof entry === 'string' ? [entry] : [entry.types, entry.default]) {
        assert.ok(existsSync(join(installed, path)), path);
      }
    }
  });

  test('can be imported completely, with types', async () => {
    const entries = Object.keys(readManifest(installed).exports)
      .filter((entry) => entry !== './package.json')
      .map((entry) => entry.replace('.', 'dataflow-services'));
    write('all.ts', entries.map((entry, index) => `export * as entry${index} from '${entry}';\n`).join(''));
    write('alarms.ts', serviceOfThePage());
    write(
      'hooks.ts',
      `import type { BatchKeyOf } from 'dataflow-services/hooks';
       import { drop } from 'dataflow-services/hooks';
       export const batchKey: BatchKeyOf = ({ attributes }) => attributes.site ?? drop;`,
    );
    await node(join(ROOT, 'node_modules/typescript/bin/tsc'), '--noEmit');
    await node('all.ts');
  });

  test("runs a user's service of forty lines; messages dropped by its filter are settled", async () => {
    const code = serviceOfThePage();
    assert.ok(code.trim().split('\n').length <= MOST_LINES, 'docs/library.md: the service has more than forty lines');
    write('alarms.ts', code);
    const { sandbox } = await startServers(scope, { parts: ['pubsub'] });
    const pubsub = scope.use(new PubSub({ projectId: sandbox.projectId }));
    const [readings, alarms, dead] = await newTopics(pubsub, 'readings', 'alarms', 'dead');
    const arrived = collectMessages(scope, pubsub, alarms);
    const deadLetters = collectMessages(scope, pubsub, dead);
    const service = await startChild(process.execPath, ['alarms.ts'], {
      cwd: project,
      env: {
        ...{ ...process.env, ...sandbox.env },
        ...{ SUBSCRIPTION: readings, TOPIC: alarms, DEAD_LETTERS: dead, PORT: '0' },
      },
      readyWhen: /"url":"http:/,
      readyWithinMs: 120_000,
    });
    scope.defer(() => service.end('SIGKILL'));
    const ids = Array.from({ length: 30 }, (_, index) => `m${index}`);
    const isAlarm = (id: string) => Number(id.slice(1)) % 3 === 0;
    for (const id of ids) {
      await publishEnvelope(pubsub, readings, id, { id }, { severity: isAlarm(id) ? 'alarm' : 'info', site: 'north' });
    }
    await pubsub
      .topic(readings)
      .publishMessage({ data: Buffer.from('no envelope'), attributes: { severity: 'alarm' } });

    const url = /"url":"(http:[^"]+)"/.exec(service.output)?.[1];
    await eventually(async () => {
      const scrape = new Scrape(await (await fetch(`${url}/metrics`)).text());
      assert.is(scrape.received, 31);
      assert.is(scrape.inFlight, 0);
      const endings = ['acked', 'dropped', 'dead_lettered', 'nacked', 'expired'] as const;
      assert.equal(
        endings.map((ending) => scrape.settled(ending)),
        [10, 20, 1, 0, 0],
      );
    });
    await eventually(() => assert.is(arrived.length + deadLetters.length, 11));
    const expected = ids.filter(isAlarm).map((id) => `${envelopeData(id, { id })} north`);
    assert.equal(arrived.map(({ data, attributes }) => `${data} ${attributes.site}`).sort(), expected.sort());
    assert.is(deadLetters[0]?.attributes.dlq_reason, 'undecodable');
    assert.is(await service.end('SIGTERM'), 0, service.output);
    assert.match(service.output, '"abandoned":0,"received":31,"acked":10');
  });

  test('has a command line, without the commands of the sandbox', async () => {
    write(
      'pipelines/mine/pipeline.yaml',
      `service: icestore
google: { projectId: p }
source: { subscriptionId: s }
bucket: { name: b }
deadLetters: { topicId: d }
`,
    );
    write(
      'pipelines/mine/hooks.ts',
      `import { drop } from 'dataflow-services/hooks';\nexport const batchKey = () => drop;\n`,
    );
    const bin = join(installed, readManifest(installed).bin.dataflow ?? '');
    assert.match(readFileSync(bin, 'utf8'), /^#!\/usr\/bin\/env node\n/);
    assert.match(await node(bin, 'validate', 'pipelines/mine'), 'icestore');
    const help = await node(bin, '--help');
    assert.match(help, /^ {2}replay /m);
    assert.not.match(help, /^ {2}(sandbox|demo) /m);
  });
});
