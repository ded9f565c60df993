import * as assert from 'uvu/assert';
import { contentHashOf } from '../../formats/identity.ts';
import { suite } from '../../testing/suite.ts';
import { objectName } from './sink.ts';

suite('object name', ({ test }) => {
  test('has its prefix and key as folders, and the hash of the content', () => {
    const hash = contentHashOf('2026/11/23/hall', ['1']);
    const name = (prefix: string) => objectName(prefix, '2026/11/23/hall', hash);
    assert.match(name('raw/v1'), /^raw\/v1\/2026\/11\/23\/hall\/[0-9a-f]{32}\.jsonl\.gz$/);
    assert.is(name('/raw//v1/'), name('raw/v1'));
    assert.match(name(''), /^2026\/11/);
    assert.is(name(''), `2026/11/23/hall/${hash.slice(0, 32)}.jsonl.gz`);
    assert.match(objectName('', 'k', hash, '-7f'), /^k\/[0-9a-f]{32}-7f\.jsonl\.gz$/);
  });
});
