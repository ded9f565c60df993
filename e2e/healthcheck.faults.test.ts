import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { stagesOf } from '../deploy/dockerfile.ts';
import { freePort } from '../src/sandbox/free-port.ts';
import { builtInPipeline, startCli } from '../src/testing/cli.ts';
import { eventually } from '../src/testing/eventually.ts';
import { pipelineFolder } from '../src/testing/pipeline-folder.ts';
import { suiteScope, testScope } from '../src/testing/scope.ts';
import { sized } from '../src/testing/size.ts';
import { suite } from '../src/testing/suite.ts';

const root = join(import.meta.dirname, '..');
const steps = stagesOf(readFileSync(join(root, 'Dockerfile'), 'utf8')).at(-1)?.steps ?? [];

/** The Dockerfile's command for the container's health check. */
function healthcheck(): readonly string[] {
  const step = steps.find(({ instruction }) => instruction === 'HEALTHCHECK');
  const words: unknown = JSON.parse(/CMD (\[.*\])$/.exec(step?.argument ?? '')?.[1] ?? '[]');
  assert.ok(Array.isArray(words) && words[0] === 'node', 'the health check is a command of Node');
  return words.slice(1).map(String);
}

/** The Dockerfile's environment, with files in a folder of the test. */
function imageEnv(folder: string): Record<string, string> {
  const variables = steps.filter(({ instruction }) => instruction === 'ENV').map(({ argument }) => argument.split('='));
  return Object.fromEntries(variables.map(([name = '', value = '']) => [name, value.replace('/tmp', folder)]));
}

suite('the health check of a container', ({ test, after, afterEach }) => {
  const suiteEnd = suiteScope({ after });
  const scope = testScope({ afterEach });

  const yaml = (http: string) => `
service: icestore
google: { projectId: p }
http: ${http}
source: { subscriptionId: s }
bucket: { name: bucket }
`;

  const cases: readonly (readonly [what: string, http: (port: number) => string])[] = [
    ['a port of the YAML', (port) => `{ host: 127.0.0.1, port: ${port} }`],
    ['all addresses', (port) => `{ port: ${port} }`],
    ['a free port', () => '{ host: 127.0.0.1, port: 0 }'],
  ];
  for (const [what, http] of sized({ full: cases, short: cases.slice(0, 1) })) {
    test(`follows the configuration: ${what}`, async () => {
      const folder = pipelineFolder(suiteEnd);
      // Not ready, because Pub/Sub is away: a waiting process is alive.
      const env = {
        ...imageEnv(folder.path),
        PUBSUB_EMULATOR_HOST: '127.0.0.1:1',
        STORAGE_EMULATOR_HOST: 'http://127.0.0.1:1',
      };
      const check = () =>
        spawnSync(process.execPath, healthcheck(), { cwd: root, env: { ...process.env, ...env } }).status;
      assert.is(check(), 1, 'nothing runs yet');
      const service = await startCli(['run', folder.pipeline(yaml(http(await freePort())))], { env });
      scope.defer(() => service.end('SIGKILL'));
      await eventually(() => assert.is(check(), 0, service.output));
      await service.end('SIGTERM');
      assert.is(check(), 1, 'nothing is running');
    });
  }

  for (const [what, more] of [
    ['with its file', {}],
    ['without it', { HTTP_ADDRESS_FILE: '/no/such/folder/address' }],
  ] as const) {
    test(`and the service keep to PORT, as Cloud Run sets it: ${what}`, async () => {
      const folder = pipelineFolder(suiteEnd);
      assert.is(imageEnv(folder.path).HTTP_PORT, undefined, 'the image leaves the port to the environment');
      const port = await freePort();
      const env = {
        ...imageEnv(folder.path),
        ...more,
        HTTP_PORT: undefined,
        PORT: String(port),
        GOOGLE_CLOUD_PROJECT: undefined,
        PROJECT_ID: 'p',
        ARCHIVE_BUCKET: 'bucket',
        PUBSUB_EMULATOR_HOST: '127.0.0.1:1',
        STORAGE_EMULATOR_HOST: 'http://127.0.0.1:1',
      };
      const service = await startCli(['run', builtInPipeline('icestore')], { env });
      scope.defer(() => service.end('SIGKILL'));
      await eventually(async () => assert.ok((await fetch(`http://127.0.0.1:${port}/healthz`)).ok, service.output));
      const { status } = spawnSync(process.execPath, healthcheck(), { cwd: root, env: { ...process.env, ...env } });
      assert.is(status, 0, service.output);
    });
  }
});
