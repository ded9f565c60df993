import * as assert from 'uvu/assert';
import { PoisonError } from '../core/errors.ts';
import { suite } from '../testing/suite.ts';
import { archivedMessage, type LineInput } from './archived-message.ts';
import { encodeEnvelope } from './envelope/envelope.ts';

const READING = '{"device_id":"d1"}';
const base64 = (text: string): string => Buffer.from(text).toString('base64');
const ENVELOPE = `{"id":"7","payload":"${base64(READING)}","publishTime":"2026-03-04T05:06:07.123456789Z","enrichmentData":{"DeviceID":"d1","note":"a \\u0026 b","serial":9007199254740993}}`;

/** A line as the Go platform's icestore writes it: the whole envelope, under the id that Pub/Sub assigned. */
const goLine = (data: string, more: object = {}): string =>
  JSON.stringify({
    id: '13579',
    batchKey: '2026/03/04',
    originalPubSubPayload: base64(data),
    archivedAt: '2026-03-04T05:07:00.5Z',
    ...more,
  });

const read = (line: string, input?: LineInput) => {
  const { message, archivedAtMs } = archivedMessage(line, input);
  const { id, payload, publishTime, attributes, enrichmentData } = message;
  return { id, payload: Buffer.from(payload).toString(), publishTime, attributes, enrichmentData, archivedAtMs };
};

suite('a line of an archive', ({ test }) => {
  test('with an envelope has its id, payload, time and enrichment data, byte for byte', () => {
    const { enrichmentData, ...rest } = read(goLine(ENVELOPE));
    assert.equal(rest, {
      id: '7',
      payload: READING,
      publishTime: '2026-03-04T05:06:07.123456789Z',
      attributes: {},
      archivedAtMs: Date.UTC(2026, 2, 4, 5, 7, 0, 500),
    });
    assert.is(enrichmentData.DeviceID, 'd1');
    assert.is(String(encodeEnvelope(archivedMessage(goLine(ENVELOPE)).message)), ENVELOPE);
    const bare = `{"publishTime":"2026-03-04T06:06:07+01:00","id":"0","payload":""}`;
    const { id, publishTime, enrichmentData: none } = read(goLine(bare));
    assert.equal([id, publishTime, none], ['0', '2026-03-04T05:06:07Z', {}]);
  });

  test('with a payload has the id and time of the line', () => {
    for (const data of [READING, '', 'no JSON', '{"id":"7"}', ENVELOPE.replace('publishTime', 'time')]) {
      const { id, payload, publishTime } = read(goLine(data));
      assert.equal([id, payload, publishTime], ['13579', data, '2026-03-04T05:07:00.5Z']);
    }
  });

  test('of this project holds a payload, whatever it looks like', () => {
    const own = { publishTime: '2026-03-04T05:06:59Z', attributes: { a: 'b' }, enrichmentData: { DeviceID: 'd2' } };
    const { id, payload, attributes, enrichmentData } = read(goLine(ENVELOPE, own));
    assert.equal([id, payload, attributes, enrichmentData], ['13579', ENVELOPE, { a: 'b' }, { DeviceID: 'd2' }]);
  });

  test('is read as configured', () => {
    assert.is(read(goLine(ENVELOPE), 'raw').payload, ENVELOPE);
    const own = { publishTime: '2026-03-04T05:06:59Z', attributes: { a: 'b' } };
    const opened = read(goLine(ENVELOPE, own), 'envelope');
    assert.equal([opened.id, opened.payload, opened.attributes], ['7', READING, { a: 'b' }]);
    try {
      read(goLine(READING), 'envelope');
      assert.unreachable();
    } catch (thrown) {
      assert.instance(thrown, PoisonError);
      assert.match(String(thrown), 'the envelope has no "id"');
    }
  });
});
