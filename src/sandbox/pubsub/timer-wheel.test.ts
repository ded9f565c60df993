import * as assert from 'uvu/assert';
import { suite } from '../../testing/suite.ts';
import { TICK_MS, type Timed, TimerWheel } from './timer-wheel.ts';

class Item implements Timed<Item> {
  dueTick = 0;
  previous: Item | undefined = undefined;
  next: Item | undefined = undefined;
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

function wheelAt(start: number) {
  const state = { now: start, due: [] as string[], whenDue: (_: Item) => {} };
  const wheel = new TimerWheel<Item>(
    (item) => {
      state.due.push(item.name);
      state.whenDue(item);
    },
    () => state.now,
  );
  const advanceTo = (now: number) => {
    state.now = now;
    wheel.advance();
  };
  return { state, wheel, advanceTo };
}

suite('TimerWheel', ({ test }) => {
  test('hands over in order of time, never early and two ticks late at most', () => {
    const { state, wheel, advanceTo } = wheelAt(1010);
    wheel.set(new Item('late'), 1000);
    wheel.set(new Item('soon'), 100);
    wheel.set(new Item('soon too'), 100);
    advanceTo(1109);
    assert.equal(state.due, []);
    advanceTo(1110 + 2 * TICK_MS);
    assert.equal(state.due, ['soon', 'soon too']);
    advanceTo(5000);
    assert.equal(state.due, ['soon', 'soon too', 'late']);
    wheel.close();
  });

  test('moves an item that is set again, and forgets one that is removed', () => {
    const { state, wheel, advanceTo } = wheelAt(0);
    const [moved, removed, kept] = [new Item('moved'), new Item('removed'), new Item('kept')];
    for (const item of [moved, removed, kept]) wheel.set(item, 100);
    wheel.set(moved, 10_000);
    wheel.remove(removed);
    wheel.remove(removed);
    advanceTo(1000);
    assert.equal(state.due, ['kept']);
    advanceTo(20_000);
    assert.equal(state.due, ['kept', 'moved']);
    wheel.close();
  });

  test('an item that comes due may remove others of its tick, or be set again', () => {
    const { state, wheel, advanceTo } = wheelAt(0);
    const [first, second] = [new Item('first'), new Item('second')];
    wheel.set(first, 100);
    wheel.set(second, 100);
    state.whenDue = (item) => {
      wheel.remove(second);
      if (state.due.length < 3) wheel.set(item, 100);
    };
    for (const now of [200, 400, 600, 800]) advanceTo(now);
    assert.equal(state.due, ['first', 'first', 'first']);
    wheel.close();
  });
});
