import * as assert from 'uvu/assert';
import { createBigQueryClient } from '../connectors/bigquery/client.ts';
import { createStorageClient } from '../connectors/storage/client.ts';
import { suiteScope } from '../testing/scope.ts';
import { suite } from '../testing/suite.ts';
import { type Sandbox, startSandbox } from './sandbox.ts';

suite('settings of a sandbox', (it) => {
  const { test, before, beforeEach } = it;
  const whole = suiteScope(it);
  let sandbox: Sandbox;
  before(async () => {
    sandbox = whole.use(
      await startSandbox({ parts: ['pubsub'], control: true, settings: { deny: ['pubsub.topics.get'] } }),
    );
  });
  beforeEach(() => sandbox.settings.change({ deny: [], schemaDelayMs: 0 }));

  const call = async (method: string, body?: unknown): Promise<{ status: number; answer: unknown }> => {
    const response = await fetch(`${sandbox.env.SANDBOX_CONTROL_URL}/settings`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, answer: await response.json() };
  };

  test('are shown and changed individually over the control endpoint', async () => {
    assert.equal(await call('GET'), { status: 200, answer: { deny: [], schemaDelayMs: 0 } });
    const deny = ['pubsub.topics.get', 'pubsub.topics.publish'];
    assert.equal(await call('PATCH', { deny }), { status: 200, answer: { deny, schemaDelayMs: 0 } });
    assert.equal((await call('PATCH', { schemaDelayMs: 500 })).answer, { deny, schemaDelayMs: 500 });
    assert.is(sandbox.settings.schemaDelayMs, 500);
    assert.is(sandbox.settings.permissions.lackedBy('Publish', ['pubsub.topics.publish']), 'pubsub.topics.publish');
  });

  test('are refused by name, without changing any other', async () => {
    for (const [settings, named] of [
      [{ schemaDelayMs: -1 }, 'schemaDelayMs'],
      [{ schemaDelayMs: 5, deny: ['pubsub.topic.get'] }, 'pubsub.topic.get'],
      [{ denied: [] }, 'denied'],
      ['deny', 'settings'],
    ] as const) {
      const { status, answer } = await call('PATCH', settings);
      assert.is(status, 400);
      assert.match(JSON.stringify(answer), named);
    }
    assert.equal((await call('GET')).answer, { deny: [], schemaDelayMs: 0 });
  });
});

suite('settings of a sandbox, given at the start', ({ test }) => {
  test('apply from the first call, or prevent the start', async () => {
    const sandbox = await startSandbox({ parts: [], settings: { deny: ['Publish'], schemaDelayMs: 7 } });
    assert.equal(sandbox.settings.toJSON(), { deny: ['Publish'], schemaDelayMs: 7 });
    await sandbox.close();
    const refused = await startSandbox({ parts: [], settings: { deny: ['Publsh'] } }).catch(String);
    assert.match(String(refused), 'deny: "Publsh" is not a permission');
  });

  test('apply to BigQuery and Cloud Storage, like the clock', async () => {
    let now = Date.parse('2026-02-03T04:05:06Z');
    const sandbox = await startSandbox({
      parts: ['bigquery', 'storage'],
      now: () => now,
      settings: { schemaDelayMs: 5_000 },
    });
    sandbox.applyEnv();
    try {
      const { projectId } = sandbox;
      const [dataset] = await createBigQueryClient({ projectId }).createDataset('d');
      const column = (name: string) => ({ name, type: 'INT64' });
      const [table] = await dataset.createTable('t', { schema: { fields: [column('a')] } });
      await table.setMetadata({ schema: { fields: [column('a'), column('b')] } });
      const refused = await table
        .insert([{ b: 1 }], { partialRetries: 0 })
        .catch((error: Error) => JSON.stringify(error));
      assert.match(String(refused), 'no such field: b.');
      now += 5_001;
      await table.insert([{ b: 1 }]);
      const [bucket] = await createStorageClient({ projectId }).createBucket('clock-of-the-sandbox');
      assert.is((await bucket.getMetadata())[0].timeCreated, '2026-02-03T04:05:11.001Z');
    } finally {
      await sandbox.close();
    }
  });

  test("the sandbox's MQTT server names its version", async () => {
    const sandbox = await startSandbox({ parts: ['mqtt'] });
    assert.is(sandbox.env.MQTT_PROTOCOL_VERSION, '4');
    await sandbox.close();
  });
});
