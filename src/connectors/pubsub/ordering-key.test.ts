import * as assert from 'uvu/assert';
import * as v from 'valibot';
import { MessageView } from '../../core/message-path.ts';
import { suite } from '../../testing/suite.ts';
import { testMessage } from '../../testing/test-context.ts';
import { bucketOf, orderingKeyBy, orderingKeySchema } from './ordering-key.ts';

const view = (DeviceID?: unknown) => new MessageView(testMessage({ enrichmentData: { DeviceID } }));

suite('ordering keys', ({ test }) => {
  test('are the value at a path, or its bucket', () => {
    const plain = orderingKeyBy('enrichmentData.DeviceID');
    assert.equal([plain.keyOf(view('d1')), plain.keyOf(view()), plain.orderOf(view('d1'))], ['d1', undefined, 'd1']);
    const buckets = orderingKeyBy({ path: 'enrichmentData.DeviceID', buckets: 32 });
    assert.equal([buckets.orderOf(view('d1')), buckets.keyOf(view())], ['d1', undefined]);
    assert.is(buckets.keyOf(view('d1')), String(bucketOf('d1', 32)));
  });

  test('are FNV-1a of UTF-8, as published: http://www.isthe.com/chongo/tech/comp/fnv/', () => {
    const all = 2 ** 32;
    assert.equal(
      ['', 'a', 'foobar'].map((text) => bucketOf(text, all)),
      [0x811c9dc5, 0xe40c292c, 0xbf9cf968],
    );
    const bytes = Buffer.from('größe');
    let hash = 0x811c9dc5n;
    for (const byte of bytes) hash = ((hash ^ BigInt(byte)) * 0x01000193n) & 0xffffffffn;
    assert.is(bucketOf('größe', all), Number(hash));
  });

  test('spread devices roughly evenly over all buckets', () => {
    const counts = new Array<number>(32).fill(0);
    for (let device = 0; device < 3_200; device += 1) {
      const bucket = bucketOf(`device-${device}`, 32);
      counts[bucket] = (counts[bucket] ?? 0) + 1;
    }
    assert.ok(Math.min(...counts) > 60 && Math.max(...counts) < 150, counts.join(' '));
  });

  test('are refused with an error that names both forms', () => {
    for (const value of [7, { path: 'payload.id' }, { path: 'payload.id', buckets: 0 }]) {
      assert.not(v.safeParse(orderingKeySchema, value).success);
    }
    assert.match(v.safeParse(orderingKeySchema, 7).issues?.[0]?.message ?? '', 'buckets: 32');
  });
});
