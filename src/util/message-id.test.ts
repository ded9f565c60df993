import * as assert from 'uvu/assert';
import { suite } from '../testing/suite.ts';
import { newMessageId } from './message-id.ts';

suite('newMessageId', ({ test }) => {
  test('returns distinct, ascending UUIDv7 ids, within a millisecond and when the clock goes back', () => {
    const times = [1_000, 1_000, 999, 1_001, 5, 2_000].flatMap((time) => Array.from({ length: 2_000 }, () => time));
    const ids = times.map(newMessageId);
    for (const id of ids) assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    assert.is(new Set(ids).size, ids.length);
    assert.equal(ids, ids.toSorted());
    assert.is(new Set(ids.map((id) => id.slice(-12))).size, ids.length, 'the random part is new each time');
  });

  test('starts with the time', () => {
    const nowMs = 1_900_000_000_000;
    assert.is(Number.parseInt(newMessageId(nowMs).replace('-', '').slice(0, 12), 16), nowMs);
  });
});
