import * as assert from 'uvu/assert';
import { suite } from '../testing/suite.ts';
import { Probe } from './probe.ts';

suite('probe', ({ test }) => {
  test('counts with and without subscribers, and emits values to them', () => {
    const probe = new Probe<string>('s.p');
    const { hit } = probe;
    hit('before');
    const one: string[] = [];
    const other: string[] = [];
    const first = probe.subscribe((value) => one.push(value));
    probe.subscribe((value) => other.push(value));
    hit('a');
    first.unsubscribe();
    hit('b');
    assert.is(probe.count, 3);
    assert.is(probe.label, 's.p');
    assert.equal([one, other], [['a'], ['a', 'b']]);
  });
});
