import * as assert from 'uvu/assert';
import { suite } from '../../src/testing/suite.ts';
import { busiestOf, sharesOf } from './busiest.ts';

suite('the busiest process', ({ test }) => {
  test('has the median share of a core over the rounds', () => {
    const rounds = [
      { pubsub: 0.4567, enrich: 0.9 },
      { pubsub: 0.1, enrich: 1.1149 },
      { pubsub: 0.5, enrich: 1.2 },
    ];
    assert.equal(sharesOf(rounds.map((utilizations) => ({ utilizations }))), { pubsub: 0.46, enrich: 1.11 });
  });

  test('is shown with its share; an older file has none', () => {
    assert.is(busiestOf({ saturated: 'enrich', utilizations: { pubsub: 0.4, enrich: 0.77 } }), 'enrich 77 %');
    assert.is(busiestOf({ saturated: 'enrich' }), 'enrich');
  });
});
