import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { suite } from '../../testing/suite.ts';
import { testMessage } from '../../testing/test-desk.ts';
import { objectName } from './object-name.ts';

/** Messages of these ids, each with its id as payload. */
const named = (ids: readonly string[]) => ids.map((id) => testMessage({ id, payload: id }));

suite('object name', ({ test }) => {
  const id = fc.string({ minLength: 1 });

  test('does not depend on the order of the messages', () => {
    fc.assert(
      fc.property(fc.uniqueArray(id, { minLength: 1 }), fc.nat(), (ids, turn) => {
        const at = turn % ids.length;
        const turned = [...ids.slice(at), ...ids.slice(0, at)].reverse();
        const before = [...ids];
        assert.is(objectName('raw', '2026/11/23', named(turned)), objectName('raw', '2026/11/23', named(ids)));
        assert.equal(ids, before, 'the list itself is left alone');
      }),
    );
  });

  test('depends on the key, and on each message', () => {
    fc.assert(
      fc.property(fc.uniqueArray(id, { minLength: 2 }), (ids) => {
        const name = objectName('', 'k', named(ids));
        assert.is.not(objectName('', 'k', named(ids.slice(1))), name);
        assert.is.not(objectName('', 'k2', named(ids)).split('/').at(-1), name.split('/').at(-1));
      }),
    );
    assert.is.not(objectName('', 'k', named(['a', 'bc'])), objectName('', 'k', named(['ab', 'c'])));
    assert.is.not(objectName('', 'k', named(['a\0b'])), objectName('', 'k', named(['a', 'b'])));
    const again = testMessage({ id: 'counter-1', payload: 'after a reset' });
    assert.is.not(objectName('', 'k', [again]), objectName('', 'k', named(['counter-1'])), 'an id that is used twice');
  });

  test('has its prefix and key as folders', () => {
    const name = (prefix: string) => objectName(prefix, '2026/11/23/hall', named(['1']));
    assert.match(name('raw/v1'), /^raw\/v1\/2026\/11\/23\/hall\/[0-9a-f]{32}\.jsonl\.gz$/);
    assert.is(name('/raw//v1/'), name('raw/v1'));
    assert.match(name(''), /^2026\/11/);
  });
});
