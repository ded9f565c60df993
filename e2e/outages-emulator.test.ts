import * as assert from 'uvu/assert';
import { eventually } from '../src/testing/eventually.ts';
import { type FaultProxy, startFaultProxy } from '../src/testing/fault-proxy.ts';
import { type GoogleEmulator, hasGoogleEmulators, startGoogleEmulator } from '../src/testing/google-emulator.ts';
import { openServiceRig } from '../src/testing/service-rig.ts';
import { suite } from '../src/testing/suite.ts';

const MESSAGES = 5_000;
const RATE = 500;
const AWAY_MS = 2_000;
/** What was on its way when a stream broke is leased to nobody, for as long as the subscription says: 60 s. */
const LEASE_MS = 60_000;
const TEST_TIMEOUT_MS = 600_000;

suite("Google's emulators behind a proxy", ({ test, skip, before, after }) => {
  const title = 'enrich loses nothing while they are cut off, unreachable, silent and slow';
  if (!hasGoogleEmulators()) {
    skip(title, 'gcloud or java is not installed');
    return;
  }
  const emulators: GoogleEmulator[] = [];
  const proxies: FaultProxy[] = [];
  before(async () => {
    for (const service of ['pubsub', 'firestore'] as const) {
      const emulator = await startGoogleEmulator(service);
      emulators.push(emulator);
      proxies.push(await startFaultProxy({ port: Number(emulator.host.split(':')[1]) }));
      process.env[`${service.toUpperCase()}_EMULATOR_HOST`] = emulator.host;
    }
  });
  after(async () => {
    for (const proxy of proxies) await proxy.close();
    for (const emulator of emulators) await emulator.close();
  });

  test(
    title,
    async () => {
      const rig = await openServiceRig('enrich', {
        sandbox: { projectId: 'behind-a-proxy', env: {} },
        env: {
          PUBSUB_EMULATOR_HOST: `127.0.0.1:${proxies[0]?.port}`,
          FIRESTORE_EMULATOR_HOST: `127.0.0.1:${proxies[1]?.port}`,
          REDIS_URL: 'redis://127.0.0.1:1',
          DATAFLOW_LOOKUP__MEMORY__MAX_ENTRIES: '5',
          DATAFLOW_SOURCE__ACK_DEADLINE_MS: '10000',
        },
      });
      const service = await rig.start();
      try {
        const load = rig.load({ ratePerSecond: RATE, count: MESSAGES, ordered: false });
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
        await rig.arrival(MESSAGES, 2.5 * LEASE_MS);
        const metrics = await eventually(async () => {
          const scrape = await service.scrape();
          assert.is(scrape.inFlight, 0);
          return scrape;
        });
        metrics.assertLedger();
        assert.ok(metrics.events('pubsub.stream_lost') > 0);
        // The emulator delivers again at once what a broken stream held, though its leases last.
        console.log(
          `  ${(await rig.sink()).entries - MESSAGES} duplicated, ${metrics.events('pubsub.stream_lost')} streams lost`,
        );
        assert.is(await service.end(), 0, service.output.slice(-2_000));
      } finally {
        service.kill('SIGKILL');
        await rig.close();
      }
    },
    TEST_TIMEOUT_MS,
  );
});
