import { connectAsync } from 'mqtt';
import * as assert from 'uvu/assert';
import { Fleet } from '../tools/load/fleet.ts';
import { eventually } from './eventually.ts';
import { mqttLoad } from './load.ts';
import { testScope } from './scope.ts';
import { startServers } from './servers.ts';
import { suite } from './suite.ts';

suite('the load of tests', (it) => {
  const { test } = it;
  const scope = testScope(it);

  test('continues where an earlier one stopped, without a gap', async () => {
    const { sandbox } = await startServers(scope, { parts: ['mqtt'] });
    const url = sandbox.env.MQTT_URL ?? '';
    const client = await connectAsync(url);
    scope.defer(() => client.endAsync());
    const got: string[] = [];
    client.on('message', (_topic, payload) => got.push(JSON.parse(payload.toString()).message_id));
    await client.subscribeAsync('sites/#', { qos: 1 });
    const fleet = new Fleet({ devices: 5, seed: 1, runId: 'r' });
    const all = fleet.readings(1_000_000);
    const readings = { [Symbol.iterator]: () => ({ next: () => all.next() }) };
    let published = 0;
    for (const ratePerSecond of [Number.POSITIVE_INFINITY, 500, 2_000]) {
      const before = published;
      const load = mqttLoad(fleet, url, { ratePerSecond, readings });
      await eventually(() => assert.ok(load.published > 100));
      published += await load.stop();
      assert.ok(published > before + 100);
    }
    await eventually(() => assert.is(got.length, published));
    assert.equal(
      got,
      Array.from(fleet.readings(published), ({ id }) => id),
    );
  });
});
