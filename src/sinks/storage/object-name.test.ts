import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { suite } from '../../testing/suite.ts';
import { objectName } from './object-name.ts';

suite('object name', ({ test }) => {
  const id = fc.string({ minLength: 1 });

  test('does not depend on the order of the messages', () => {
    fc.assert(
      fc.property(fc.uniqueArray(id, { minLength: 1 }), fc.nat(), (ids, turn) => {
        const at = turn % ids.length;
        const turned = [...ids.slice(at), ...ids.slice(0, at)].reverse();
        const before = [...ids];
        assert.is(objectName('raw', '2026/11/23', turned), objectName('raw', '2026/11/23', ids));
        assert.equal(ids, before, 'the list itself is left alone');
      }),
    );
  });

  test('depends on the key, and on each message', () => {
    fc.assert(
      fc.property(fc.uniqueArray(id, { minLength: 2 }), (ids) => {
        const name = objectName('', 'k', ids);
        assert.is.not(objectName('', 'k', ids.slice(1)), name);
        assert.is.not(objectName('', 'k2', ids).split('/').at(-1), name.split('/').at(-1));
      }),
    );
    assert.is.not(objectName('', 'k', ['a', 'bc']), objectName('', 'k', ['ab', 'c']));
  });

  test('has its prefix and key as folders', () => {
    const name = (prefix: string) => objectName(prefix, '2026/11/23/hall', ['1']);
    assert.match(name('raw/v1'), /^raw\/v1\/2026\/11\/23\/hall\/[0-9a-f]{32}\.jsonl\.gz$/);
    assert.is(name('/raw//v1/'), name('raw/v1'));
    assert.match(name(''), /^2026\/11/);
  });
});
