import * as assert from 'uvu/assert';
import { accepted, failed } from '../core/delivery.ts';
import { PoisonError } from '../core/errors.ts';
import { Telemetry } from '../telemetry/telemetry.ts';
import { Scrape } from '../testing/scrape.ts';
import { suite } from '../testing/suite.ts';
import { testContext, testDelivery } from '../testing/test-context.ts';
import { PublishAges } from './publish-ages.ts';

suite('publish ages', ({ test }) => {
  const context = testContext();
  const at = (publishTime: string) => testDelivery(context, { publishTime });

  /** Ages on a clock that a test sets. */
  function ages() {
    const telemetry = new Telemetry('test', { level: 'silent', processMetrics: false });
    const clock = { now: Date.parse('2026-11-29T12:10:10.000Z') };
    const measured = new PublishAges(telemetry, () => clock.now);
    return { measured, clock, scrape: async () => new Scrape(await telemetry.registry.metrics()) };
  }

  test('are measured to a tenth of a second, whatever the digits of the publish time', async () => {
    const { measured, scrape } = ages();
    for (const time of ['2026-11-29T12:10:09.75Z', '2026-11-29T12:10:09.800123Z', '2026-11-29T12:10:07Z'])
      measured.count(accepted(at(time)));
    for (const time of ['2026-11-29T12:10:00Z', '2026-11-28T12:10:10Z']) measured.count(accepted(at(time)));
    const seen = await scrape();
    const below = (le: string) => seen.value('dataflow_message_age_seconds_bucket', { le });
    assert.equal(
      [below('0.1'), below('0.25'), below('0.5'), below('2.5'), below('5'), below('10')],
      [0, 1, 2, 2, 3, 4],
    );
    assert.equal([below('43200'), below('86400')], [4, 5]);
    assert.ok(Math.abs(seen.value('dataflow_message_age_seconds_sum') - 86_413.5) < 0.001);
  });

  test('leave out all but successes, and times that cannot be read; a time ahead counts as 0', async () => {
    const { measured, scrape } = ages();
    measured.count(failed(at('2026-11-29T12:10:00Z'), new Error('outage')));
    measured.count(failed(at('2026-11-29T12:10:00Z'), new PoisonError('no_key', 'x')));
    measured.count({ verdict: 'drop', delivery: at('2026-11-29T12:10:00Z') });
    measured.count(accepted(at('')));
    measured.count(accepted(at('yesterday')));
    assert.is((await scrape()).value('dataflow_message_age_seconds_count'), 0);
    measured.count(accepted(at('2026-11-29T12:10:59.999Z')));
    const seen = await scrape();
    assert.is(seen.value('dataflow_message_age_seconds_bucket', { le: '0.1' }), 1);
    assert.is(seen.value('dataflow_message_age_seconds_sum'), 0);
  });

  test('come with the time of the last success, which failures do not move', async () => {
    const { measured, clock, scrape } = ages();
    const last = async () => (await scrape()).value('dataflow_last_success_timestamp_seconds');
    assert.is(await last(), 0);
    measured.count(failed(at('2026-11-29T12:10:00Z'), new PoisonError('no_key', 'x')));
    assert.is(await last(), 0);
    measured.count(accepted(at('2026-11-29T12:10:00Z')));
    const first = await last();
    assert.is(first, clock.now / 1_000);
    clock.now += 5_000;
    measured.count(failed(at('2026-11-29T12:10:00Z'), new Error('outage')));
    assert.is(await last(), first);
    measured.count(accepted(at('2026-11-29T12:10:00Z')));
    assert.is(await last(), first + 5);
  });
});
