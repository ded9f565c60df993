import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { enriched } from '../formats/envelope/envelope.ts';
import { suite } from '../testing/suite.ts';
import { testMessage } from '../testing/test-context.ts';
import { utcTime } from './message.ts';

suite('utc time', ({ test }) => {
  test('a time in UTC stays as it is, with every digit', () => {
    for (const text of ['2026-11-23T10:00:00Z', '2026-11-23T10:00:00.1Z', '2026-11-23T10:00:00.123456789Z']) {
      assert.is(utcTime(text), text);
    }
  });

  test('a time with an offset is converted', () => {
    assert.is(utcTime('2026-11-23T10:00:00+02:00'), '2026-11-23T08:00:00Z');
    assert.is(utcTime('2026-01-01T00:30:00+01:00'), '2025-12-31T23:30:00Z');
    assert.is(utcTime('2026-11-23T10:00:00.250-05:30'), '2026-11-23T15:30:00.250Z');
    assert.is(utcTime('2026-11-23T10:00:00.123456789+02:00'), '2026-11-23T08:00:00.123456789Z', 'every digit stays');
    assert.is(utcTime('2026-11-23t10:00:00z'), '2026-11-23T10:00:00Z');
  });

  test('is undefined for anything but an RFC 3339 time', () => {
    for (const text of [
      '',
      'now',
      '2026-11-23',
      '2026-11-23T10:00:00',
      '2026-11-23 10:00:00Z',
      '2026-11-23T10:00Z',
      '2026-11-23T10:00:00.Z',
      '2026-11-23T25:00:00Z',
      '2026-02-31T10:00:00Z',
      '2026-02-29T10:00:00+01:00',
      '2026-13-23T10:00:00Z',
      '2026-11-23T10:61:00Z',
      '2026-11-23T10:00:00+0200',
      ' 2026-11-23T10:00:00Z',
      '2026-11-23T10:00:00Z\n',
      '+002026-11-23T10:00:00Z',
    ]) {
      assert.is(utcTime(text), undefined, text);
    }
  });

  test('is undefined outside the years 1 to 9999', () => {
    for (const text of [
      '9999-12-31T23:59:59-01:00',
      '9999-12-31T23:59:59.5-00:01',
      '0001-01-01T00:00:00+00:01',
      '0000-01-01T00:00:00Z',
      '0000-12-31T23:59:59-01:00',
      '0000-02-29T00:00:00Z',
    ]) {
      assert.is(utcTime(text), text.startsWith('0000-12') ? '0001-01-01T00:59:59Z' : undefined, text);
    }
    assert.is(utcTime('9999-12-31T23:59:59.999Z'), '9999-12-31T23:59:59.999Z');
    assert.is(utcTime('9999-12-31T23:59:59.999+01:00'), '9999-12-31T22:59:59.999Z');
    assert.is(utcTime('0001-01-01T00:00:00z'), '0001-01-01T00:00:00Z');
  });

  test('means the same moment as before, whatever the offset', () => {
    const moment = fc.date({ min: new Date(0), max: new Date('2100-01-01T00:00:00Z'), noInvalidDate: true });
    fc.assert(
      fc.property(moment, fc.integer({ min: -14 * 60, max: 14 * 60 }), (date, offsetMinutes) => {
        const local = new Date(date.getTime() + offsetMinutes * 60_000).toISOString().slice(0, -1);
        const hours = String(Math.trunc(Math.abs(offsetMinutes) / 60)).padStart(2, '0');
        const minutes = String(Math.abs(offsetMinutes) % 60).padStart(2, '0');
        const text = `${local}${offsetMinutes < 0 ? '-' : '+'}${hours}:${minutes}`;
        assert.is(utcTime(text), date.toISOString());
      }),
    );
  });
});

suite('enriched', ({ test }) => {
  test('creates a new message, with the new data over the old', () => {
    const message = testMessage({ enrichmentData: { a: 1, b: 1 } });
    const more = enriched(message, { b: 2, c: 2 });
    assert.equal(more.enrichmentData, { a: 1, b: 2, c: 2 });
    assert.equal(message.enrichmentData, { a: 1, b: 1 });
    assert.is(more.payload, message.payload);
    assert.is(more.id, message.id);
  });
});
