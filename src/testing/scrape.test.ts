import * as assert from 'uvu/assert';
import { openServiceContext } from '../services/service-context.ts';
import { Scrape } from './scrape.ts';
import { suite } from './suite.ts';

/** The metrics of a service with these counts. */
async function scrapeOf(books: Partial<Record<'received' | 'acked' | 'inFlight' | 'settledTwice', number>>) {
  const { ledger, telemetry } = openServiceContext(
    'svc',
    {
      google: { projectId: 'p' },
      http: { host: '', port: 0, page: true },
      log: { level: 'silent', format: 'json' },
      traces: { ratio: 0 },
      hooks: { timeoutMs: 1, concurrency: 1 },
      shutdown: { deadlineMs: 1 },
      readiness: { stalledAfterMs: 1 },
    },
    { maxInFlight: 5, maxInFlightBytes: 5 },
    { telemetry: { processMetrics: false } },
  );
  Object.assign(ledger, books);
  telemetry.event('service.ready');
  return new Scrape(await telemetry.registry.metrics());
}

/** `assert.throws` lets failed assertions pass. */
function refusal(scrape: Scrape, ask: () => unknown = () => scrape.assertLedger()): string {
  try {
    ask();
  } catch (thrown) {
    return String(thrown);
  }
  return 'none';
}

suite('Scrape', ({ test }) => {
  test("reads a service's metrics", async () => {
    const scrape = await scrapeOf({ received: 7, acked: 4, inFlight: 3 });
    assert.equal([scrape.received, scrape.settled('acked'), scrape.inFlight], [7, 4, 3]);
    assert.is(scrape.events('service.ready'), 1);
    assert.is(scrape.value('dataflow_credit_limit_messages'), 5);
    scrape.assertLedger();
  });

  test('refuses a missing metric: a renamed one is not 0', async () => {
    const scrape = await scrapeOf({});
    assert.match(
      refusal(scrape, () => scrape.value('dataflow_gone_total')),
      'no sample dataflow_gone_total',
    );
    assert.match(
      refusal(scrape, () => scrape.value('dataflow_messages_settled_total', { outcome: 'gone' })),
      'no sample',
    );
    assert.match(
      refusal(scrape, () => scrape.events('gone')),
      'no sample',
    );
  });

  test('refuses an unbalanced or missing ledger', async () => {
    const lost = await scrapeOf({ received: 7, acked: 4, inFlight: 2 });
    assert.match(refusal(lost), 'does not balance');
    const twice = await scrapeOf({ settledTwice: 1 });
    assert.match(refusal(twice), 'settled twice');
    assert.match(refusal(new Scrape('')), 'not the metrics');
  });
});
