import { spawnSync } from 'node:child_process';
import { PubSub } from '@google-cloud/pubsub';
import * as assert from 'uvu/assert';
import type { Sandbox } from '../src/sandbox/sandbox.ts';
import { runCli, startCli } from '../src/testing/cli.ts';
import { eventually } from '../src/testing/eventually.ts';
import { findMosquitto, startMosquitto } from '../src/testing/mosquitto.ts';
import { newTopic } from '../src/testing/new-topic.ts';
import { pipelineFolder } from '../src/testing/pipeline-folder.ts';
import { suiteScope, testScope } from '../src/testing/scope.ts';
import {
  assertNotPrinted,
  assertValidateHides,
  ingestionYaml,
  newSecret,
  overHttp,
  urlOf,
} from '../src/testing/secrets.ts';
import { startServers } from '../src/testing/servers.ts';
import { suite } from '../src/testing/suite.ts';

suite('secrets', ({ test, skip, before, after, afterEach }) => {
  const suiteEnd = suiteScope({ after });
  const scope = testScope({ afterEach });
  const folder = pipelineFolder(suiteEnd);
  let sandbox: Sandbox;
  let pubsub: PubSub;

  before(async () => {
    ({ sandbox } = await startServers(suiteEnd, { parts: ['pubsub', 'firestore'] }));
    pubsub = suiteEnd.use(new PubSub({ projectId: sandbox.projectId }));
  });

  if (findMosquitto() === undefined) skip('of the broker', 'mosquitto is not installed');
  else {
    test('of the broker: right, wrong, in the address, unreachable', async () => {
      const [right, wrong, inUrl] = [newSecret('broker'), newSecret('wrong'), newSecret('url')];
      const passwords = folder.file('passwords', '');
      spawnSync('mosquitto_passwd', ['-b', passwords, 'device', right]);
      const broker = scope.use(await startMosquitto(['allow_anonymous false', `password_file ${passwords}`]));
      const topic = await newTopic(pubsub, 'secrets');
      const { url } = broker;
      const cases: readonly { readonly mqtt: readonly string[]; readonly ends: boolean }[] = [
        { mqtt: [`url: ${url}`, 'username: device', `password: ${right}`], ends: false },
        { mqtt: [`url: ${url}`, 'username: device', `password: ${wrong}`], ends: true },
        { mqtt: [`url: ${url.replace('mqtt://', `mqtt://device:${inUrl}@`)}`], ends: true },
        { mqtt: [`url: mqtt://device:${inUrl}@127.0.0.1:1`, `password: ${wrong}`], ends: false },
      ];
      await Promise.all(
        cases.map(async ({ mqtt, ends }) => {
          const pipeline = folder.pipeline(ingestionYaml(mqtt, topic));
          const child = await startCli(['run', pipeline]);
          let answers = '';
          if (ends) assert.is(await child.exited, 1, child.output);
          else {
            await eventually(() => assert.match(child.output, /mqtt\.(subscribed|error|disconnected)/));
            answers = await overHttp(await urlOf(child));
            await child.end('SIGTERM');
          }
          assertNotPrinted(child.output + answers, right, wrong, inUrl);
          await assertValidateHides(pipeline, right, wrong, inUrl);
        }),
      );
    });
  }

  test('of files: unusable keys', async () => {
    const topic = await newTopic(pubsub, 'secrets');
    const [tls, google] = [newSecret('tls'), newSecret('google')];
    const keyFile = folder.file('key.pem', `-----BEGIN PRIVATE KEY-----\n${tls}\n-----END PRIVATE KEY-----\n`);
    const pipeline = folder.pipeline(
      ingestionYaml(['url: mqtts://127.0.0.1:1', `tls: { keyFile: ${keyFile}, certFile: ${keyFile} }`], topic),
    );
    const keys = [`{"type":"service_account","private_key":"${google}"`, `{"private_key":"${google}"}`];
    // A service reads the broker's secrets before Google's key.
    const withoutTls = folder.pipeline(ingestionYaml(['url: mqtt://127.0.0.1:1'], topic));
    const withGoogleKey = async (content: string, index: number): Promise<void> => {
      const { code, output } = await runCli(['run', withoutTls], {
        env: {
          DATAFLOW_GOOGLE__KEY_FILENAME: folder.file(`credentials-${index}.json`, content),
          // Without an emulator, the file is read.
          PUBSUB_EMULATOR_HOST: '',
        },
      });
      assert.is(code, 1);
      assert.match(output, 'google.keyFilename', 'the key was tried');
      assertNotPrinted(output, google);
    };
    const onEmulator = async (): Promise<void> => {
      const child = await startCli(['run', pipeline]);
      await Promise.race([child.exited, eventually(() => assert.match(child.output, /mqtt\.|failed/))]);
      await child.end('SIGTERM');
      assertNotPrinted(child.output, tls, google);
    };
    await Promise.all([...keys.map(withGoogleKey), onEmulator()]);
  });
});
