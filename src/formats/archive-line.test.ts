import * as assert from 'uvu/assert';
import { PoisonError } from '../core/errors.ts';
import { suite } from '../testing/suite.ts';
import { testMessage } from '../testing/test-context.ts';
import { archiveLine, lineText } from './archive-line.ts';
import { openEnvelope } from './envelope/envelope.ts';

suite('archive line', ({ test }) => {
  test('is one line of JSON, with every field', () => {
    const message = testMessage({
      payload: Buffer.from([0, 10, 255]),
      attributes: { uid: 'd\n1' },
      enrichmentData: { name: 'a\u2028b' },
    });
    const line = lineText(archiveLine(message, '2026/11/23'), '2026-11-23T10:00:01Z');
    assert.is(line.indexOf('\n'), line.length - 1);
    assert.equal(JSON.parse(line), {
      id: 'm1',
      batchKey: '2026/11/23',
      originalPubSubPayload: Buffer.from([0, 10, 255]).toString('base64'),
      archivedAt: '2026-11-23T10:00:01Z',
      publishTime: '2026-11-23T10:00:00Z',
      attributes: { uid: 'd\n1' },
      enrichmentData: { name: 'a\u2028b' },
    });
  });

  test('keeps enrichment data as received, on one line', () => {
    const data = '{\n  "serial": 9007199254740993,\r\n  "text": "a\\nb"\n}';
    for (const end of ['}', ' }']) {
      const payload = `{"id":"m1","payload":"","publishTime":"2026-11-23T10:00:00Z","enrichmentData":${data}${end}`;
      const line = lineText(archiveLine(openEnvelope(testMessage({ payload })), 'k'), 't');
      assert.is(line.indexOf('\n'), line.length - 1);
      assert.match(line, data.replace(/[\r\n]+/g, ' '));
    }
  });

  test('is poison if JSON cannot represent it', () => {
    assert.throws(
      () => archiveLine(testMessage({ enrichmentData: { n: 1n } }), 'k'),
      (thrown: unknown) => thrown instanceof PoisonError && thrown.reason === 'rejected',
    );
  });
});
