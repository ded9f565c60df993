import * as assert from 'uvu/assert';
import { suite } from '../testing/suite.ts';
import { testContext, testDelivery } from '../testing/test-context.ts';
import { accepted, failed } from './delivery.ts';
import { PoisonError } from './errors.ts';
import { MinuteCounts } from './minute-counts.ts';

const MOST = 180;

suite('minute counts', ({ test }) => {
  const context = testContext();
  const at = (publishTime: string) => testDelivery(context, { publishTime });

  test('counts endings by the minute of the publish time; what goes back is not counted', () => {
    const counts = new MinuteCounts();
    counts.count(accepted(at('2026-11-29T12:10:59.999Z')));
    counts.count(accepted(at('2026-11-29T12:11:00Z')));
    counts.count(accepted(at('2026-11-29T12:10:00Z')));
    counts.count({ verdict: 'drop', delivery: at('2026-11-29T12:11:07Z') });
    counts.count(failed(at('2026-11-29T12:11:08Z'), new PoisonError('no_key', 'x')));
    counts.count(failed(at('2026-11-29T12:12:00Z'), new Error('x')));
    counts.count(accepted(at('')));
    assert.equal(counts.all, [
      { minute: '2026-11-29T12:10', acked: 2, deadLettered: 0, dropped: 0 },
      { minute: '2026-11-29T12:11', acked: 1, deadLettered: 1, dropped: 1 },
      { minute: 'unknown', acked: 1, deadLettered: 0, dropped: 0 },
    ]);
  });

  test('holds a bounded number of minutes: those counted in last stay, also beside times that are far off', () => {
    const counts = new MinuteCounts();
    for (let year = 0; year < 3 * MOST; year += 1) {
      counts.count(accepted(at(`${String(3_000 + year)}-01-01T00:00:00Z`)));
      counts.count(accepted(at('2026-11-29T12:10:00Z')));
    }
    const { all } = counts;
    assert.is(all.length, MOST);
    assert.equal(all[0], { minute: '2026-11-29T12:10', acked: 3 * MOST, deadLettered: 0, dropped: 0 });
    assert.is(all.at(-1)?.minute, `${3_000 + 3 * MOST - 1}-01-01T00:00`);
  });
});
