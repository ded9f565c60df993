import * as assert from 'uvu/assert';
import { eventually } from '../src/testing/eventually.ts';
import { type FaultProxy, startFaultProxy } from '../src/testing/fault-proxy.ts';
import { hasGoogleEmulators, startGoogleEmulator } from '../src/testing/google-emulator.ts';
import { suiteScope, testScope } from '../src/testing/scope.ts';
import { suite } from '../src/testing/suite.ts';
import { openService } from '../src/testing/test-run.ts';

const MESSAGES = 5_000;
const RATE = 500;
const AWAY_MS = 2_000;
/** Messages in flight on a broken stream are redelivered when their lease ends: after the subscription's 60 s. */
const LEASE_MS = 60_000;
const TEST_TIMEOUT_MS = 600_000;

suite("Google's emulators behind a proxy", (it) => {
  const { long, skip, before } = it;
  const title = 'enrich loses nothing while they are cut off, unreachable, silent and slow';
  if (!hasGoogleEmulators()) {
    skip(title, 'gcloud or java is not installed');
    return;
  }
  const scope = testScope(it);
  const whole = suiteScope(it);
  const proxies: FaultProxy[] = [];
  before(async () => {
    for (const service of ['pubsub', 'firestore'] as const) {
      const { host } = whole.use(await startGoogleEmulator(service));
      proxies.push(whole.use(await startFaultProxy({ port: Number(host.split(':')[1]) })));
      process.env[`${service.toUpperCase()}_EMULATOR_HOST`] = host;
    }
  });

  long(
    title,
    async () => {
      const tested = await openService(scope, 'enrich', {
        projectId: 'behind-a-proxy',
        env: {
          PUBSUB_EMULATOR_HOST: `127.0.0.1:${proxies[0]?.port}`,
          FIRESTORE_EMULATOR_HOST: `127.0.0.1:${proxies[1]?.port}`,
          REDIS_URL: 'redis://127.0.0.1:1',
          DATAFLOW_LOOKUP__MEMORY__MAX_ENTRIES: '5',
          DATAFLOW_SOURCE__ACK_DEADLINE_MS: '10000',
        },
      });
      const service = await tested.start();
      const load = tested.load({ ratePerSecond: RATE, count: MESSAGES, ordered: false });
      for (const proxy of proxies) {
        const before = (await service.scrape()).settled('acked');
        await eventually(async () => assert.ok((await service.scrape()).settled('acked') > before + 100));
        proxy.cut();
        await new Promise((resolve) => setTimeout(resolve, 300));
        for (const fault of [() => proxy.refuse(), () => proxy.stall(), () => proxy.throttle(20_000)]) {
          await fault();
          await new Promise((resolve) => setTimeout(resolve, AWAY_MS));
          await proxy.restore();
        }
      }
      assert.is(await load.done, MESSAGES);
      await tested.arrival(MESSAGES, 2.5 * LEASE_MS);
      const metrics = await eventually(async () => {
        const scrape = await service.scrape();
        assert.is(scrape.inFlight, 0);
        return scrape;
      });
      metrics.assertLedger();
      assert.ok(metrics.events('pubsub.stream_lost') > 0);
      // The emulator redelivers the messages of a broken stream immediately, before their leases end.
      console.log(
        `  ${(await tested.sink()).entries - MESSAGES} duplicated, ${metrics.events('pubsub.stream_lost')} streams lost`,
      );
      assert.is(await service.end(), 0, service.output.slice(-2_000));
    },
    TEST_TIMEOUT_MS,
  );
});
