import * as assert from 'uvu/assert';
import { suite } from '../testing/suite.ts';
import { nearestName } from './nearest-name.ts';

const NAMES = ['received', 'flushed', 'settled', 'deadLettered'];

suite('nearest name', ({ test }) => {
  test('finds a name in spite of a few wrong letters, and nothing where all differ', () => {
    assert.is(nearestName('recieved', NAMES), 'received');
    assert.is(nearestName('Flushd', NAMES), 'flushed');
    assert.is(nearestName('deadlettered', NAMES), 'deadLettered');
    assert.is(nearestName('stored', NAMES), undefined);
    assert.is(nearestName('', NAMES), undefined);
  });
});
