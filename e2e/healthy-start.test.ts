import * as assert from 'uvu/assert';
import { testScope } from '../src/testing/scope.ts';
import { startServers } from '../src/testing/servers.ts';
import { suite } from '../src/testing/suite.ts';
import { openRun, SERVICES } from '../src/testing/test-run.ts';

const WARN_LEVEL = 40;

suite('a healthy start', (it) => {
  const { test } = it;
  const scope = testScope(it);

  test('and a clean end warn of nothing, in any service', async () => {
    const { sandbox, mqttEnv } = await startServers(scope);
    const run = await openRun(scope, { projectId: sandbox.projectId, mqttUrl: mqttEnv.MQTT_URL, env: mqttEnv });
    for (const name of SERVICES) {
      const service = await run.start(name);
      assert.is((await service.ready()).status, 200);
      assert.is(await service.end('SIGTERM'), 0, service.output);
      const lines: { level: number; event?: string; pipeline?: string }[] = service.output
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
      const events = lines.map(({ event }) => event);
      for (const event of ['service.starting', 'service.ready', 'service.stopped'])
        assert.ok(events.includes(event), `${name}: ${event}`);
      assert.equal(
        lines.filter(({ level }) => level >= WARN_LEVEL),
        [],
        name,
      );
    }
  });
});
