import { randomBytes } from 'node:crypto';
import { PubSub } from '@google-cloud/pubsub';
import * as assert from 'uvu/assert';
import { createPubSubClients } from '../connectors/pubsub/client.ts';
import { Publisher } from '../connectors/pubsub/publisher.ts';
import { Readiness } from '../core/readiness.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import { Telemetry } from '../telemetry/telemetry.ts';
import { runCli } from '../testing/cli.ts';
import { eventually } from '../testing/eventually.ts';
import { PIPELINES } from '../testing/provision-cli.ts';
import { suiteScope } from '../testing/scope.ts';
import { startServers } from '../testing/servers.ts';
import { suite } from '../testing/suite.ts';
import { namedResources } from '../tools/demo/run-resources.ts';

const HINT = '"npm run cli -- provision <pipeline>" creates what is declared under resources';

suite('a missing topic or subscription', ({ test, before, after }) => {
  const scope = suiteScope({ after });
  let sandbox: Sandbox;
  let env: Record<string, string>;
  before(async () => {
    ({ sandbox } = await startServers(scope, { parts: ['pubsub', 'storage', 'firestore'] }));
    const run = namedResources(randomBytes(4).toString('hex'), sandbox.projectId);
    env = { ...sandbox.env, ...run.env, REDIS_URL: 'redis://127.0.0.1:1', HTTP_PORT: '0' };
  });

  test('names the command that creates it: of a service that starts, and of dead-letters', async () => {
    const [, enrich = '', icestore = ''] = PIPELINES;
    const [started, listed, validated] = await Promise.all([
      runCli(['run', icestore], { env }),
      runCli(['dead-letters', 'list', enrich], { env }),
      runCli(['validate', enrich], { env }),
    ]);
    assert.is(started.code, 1, started.output);
    assert.match(started.output, `subscriptions/${env.ICESTORE_SUBSCRIPTION}`);
    assert.match(started.output, HINT);
    assert.is(listed.code, 2, listed.output);
    assert.match(listed.output, HINT);
    assert.match(validated.output, `hint: "npm run cli -- provision ${enrich}" creates what it declares`);
  });

  test('names it in the readiness of a service whose topic goes', async () => {
    const pubsub = scope.use(new PubSub({ projectId: sandbox.projectId }));
    assert.equal((await pubsub.topic('gone').exists())[0], false);
    const clients = scope.use(await createPubSubClients({ projectId: sandbox.projectId }));
    const readiness = new Readiness();
    const publisher = new Publisher({
      ...{
        connections: clients.publishConnections,
        projectId: sandbox.projectId,
        timeoutMs: 5_000,
        component: 'publish',
      },
      retry: { initialDelayMs: 10, maxDelayMs: 10, giveUpAfterMs: 60_000 },
      telemetry: new Telemetry('test', { level: 'silent', processMetrics: false }),
      readiness,
    });
    const message = { data: Buffer.from('x'), attributes: {}, orderingKey: '' };
    const publishing = publisher.publish('gone', [message]).subscribe({ error: () => {} });
    scope.defer(() => publishing.unsubscribe());
    await eventually(() => {
      const detail = readiness.report.components['publish.gone']?.detail ?? '';
      assert.match(detail, 'publishing to gone fails: ');
      assert.match(detail, HINT);
    });
  });
});
