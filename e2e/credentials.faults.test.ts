import { createServer } from 'node:http';
import * as assert from 'uvu/assert';
import { freePort } from '../src/sandbox/free-port.ts';
import { builtInPipeline, runCli, startCli } from '../src/testing/cli.ts';
import { eventually } from '../src/testing/eventually.ts';
import { pipelineFolder } from '../src/testing/pipeline-folder.ts';
import { suiteScope, testScope } from '../src/testing/scope.ts';
import { sized } from '../src/testing/size.ts';
import { suite } from '../src/testing/suite.ts';
import { SERVICES } from '../src/testing/test-run.ts';

/** Every command that calls Google Cloud. */
const ALL: readonly (readonly string[])[] = [
  ...SERVICES.map((name) => ['run', builtInPipeline(name)]),
  ...SERVICES.map((name) => ['provision', builtInPipeline(name)]),
  ...SERVICES.map((name) => ['teardown', builtInPipeline(name)]),
  ['dead-letters', 'list', builtInPipeline('enrich')],
  ['dead-letters', 'show', builtInPipeline('enrich'), 'id'],
  ['dead-letters', 'replay', builtInPipeline('enrich')],
  ['replay', 'archive/raw', '--to', 'pubsub', '--topic', 'raw'],
  ['replay', 'archive/raw', '--to', 'mqtt'],
  ['replay', 'archive/raw', '--to', 'pubsub', '--topic', 'raw', '--dry-run'],
];
/** One of each kind. */
const SOME = ALL.filter((words, index) => ALL.findIndex(([first]) => first === words[0]) === index);
const COMMANDS = sized({ full: ALL, short: SOME });
const AT_A_TIME = 4;

suite('Google credentials', ({ test, after, afterEach }) => {
  const suiteEnd = suiteScope({ after });
  const scope = testScope({ afterEach });
  const folder = pipelineFolder(suiteEnd);

  /** Google Cloud itself, from a machine that has no credentials. */
  const env = {
    HOME: folder.path,
    METADATA_SERVER_DETECTION: 'none',
    GOOGLE_APPLICATION_CREDENTIALS: '',
    PUBSUB_EMULATOR_HOST: '',
    STORAGE_EMULATOR_HOST: '',
    BIGQUERY_EMULATOR_HOST: '',
    FIRESTORE_EMULATOR_HOST: '',
    GOOGLE_CLOUD_PROJECT: 'project',
    MQTT_URL: 'mqtt://127.0.0.1:1',
    ARCHIVE_BUCKET: 'archive',
    BIGQUERY_DATASET: 'dataset',
    BIGQUERY_TABLE: 'table',
    HTTP_PORT: '0',
  };

  test('without credentials, each command lists the ways to set them, without a stack trace', async () => {
    const waiting = [...COMMANDS];
    const runNext = async (): Promise<void> => {
      for (let command = waiting.shift(); command !== undefined; command = waiting.shift()) {
        const { code, output } = await runCli(command, { env });
        const told = `${command.join(' ')}:\n${output}`;
        for (const way of ['Application Default Credentials', 'google.keyFilename', 'PUBSUB_EMULATOR_HOST']) {
          assert.ok(output.includes(way), told);
        }
        assert.not.match(output, /\n\s+at /, told);
        assert.is(code, command[0] === 'run' ? 1 : 2, told);
      }
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, runNext));
  });

  test('an unusable key file ends a service, with the file and the reason', async () => {
    const serviceAccount = { type: 'service_account', client_email: 'a@b.iam.gserviceaccount.com' };
    const cases: readonly (readonly [content: string, reason: RegExp])[] = [
      ['{ "private_key": "hidden', /is not valid JSON/],
      [JSON.stringify(serviceAccount), /private_key and client_email are required/],
      [JSON.stringify({ ...serviceAccount, private_key: 'hidden' }), /its private_key cannot be read/],
    ];
    await Promise.all(
      cases.map(async ([content, reason], index) => {
        const keyFilename = folder.file(`key-${index}.json`, content);
        const { code, output } = await runCli(['run', builtInPipeline('enrich')], {
          env: { ...env, DATAFLOW_GOOGLE__KEY_FILENAME: keyFilename },
        });
        assert.is(code, 1, output);
        assert.match(output, `google.keyFilename: ${keyFilename} cannot be used: `);
        assert.match(output, reason);
        assert.match(output, '"event":"service.failed"');
        assert.not.match(output, 'hidden');
        assert.not.match(output, /\n\s+at /);
      }),
    );
  });

  test('a service waits for an unreachable token server, shown in the log and /readyz; a refusal is fatal', async () => {
    let status = 503;
    const server = createServer((_request, response) => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ error: 'invalid_grant', error_description: 'of the test' }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    scope.defer(() => server.close());
    const address = server.address();
    assert.ok(address !== null && typeof address === 'object');
    const keyFilename = folder.file(
      'external.json',
      JSON.stringify({
        type: 'external_account',
        audience: 'audience',
        subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
        token_url: `http://127.0.0.1:${address.port}/v1/token`,
        credential_source: { file: folder.file('token', 'token') },
      }),
    );
    const port = await freePort();
    const child = await startCli(['run', builtInPipeline('enrich')], {
      env: { ...env, HTTP_PORT: String(port), DATAFLOW_GOOGLE__KEY_FILENAME: keyFilename },
    });
    scope.defer(() => child.end('SIGKILL'));
    await eventually(() => assert.match(child.output, /"event":"service.waiting".*Google credentials/));
    const ready = await fetch(`http://127.0.0.1:${port}/readyz`);
    assert.is(ready.status, 503);
    assert.match(await ready.text(), 'waiting for Google credentials');
    status = 400;
    assert.is(await child.exited, 1);
    assert.match(child.output, /google\.keyFilename: .*external\.json cannot be used: .*invalid_grant/);
  });
});
