import { Subject } from 'rxjs';
import * as assert from 'uvu/assert';
import { suite } from '../testing/suite.ts';
import { eventStream } from './event-stream.ts';

const TEXT = 'x'.repeat(1_000);
/** 256 KiB of such texts. */
const FITS = 257;

suite('event stream', ({ test }) => {
  test('holds so much for a client that does not read, leaves out the rest, and goes on once it reads', async () => {
    const values = new Subject<string>();
    let skipped = 0;
    const { body } = eventStream(values, { onSkipped: () => (skipped += 1) });
    for (let index = 0; index < 2 * FITS; index += 1) values.next(TEXT);
    assert.ok(skipped > FITS - 5 && skipped < FITS + 20, `${skipped} were left out`);
    const reader = body?.getReader();
    let text = '';
    for (let reads = 0; reads < 2 * FITS && !text.includes('the end'); reads += 1) {
      const { value } = (await reader?.read()) ?? {};
      text = Buffer.from(value ?? []).toString();
      values.next('the end');
    }
    assert.match(text, 'the end');
    await reader?.cancel();
    assert.not(values.observed);
  });

  test('ends with its values, and closes once', async () => {
    const values = new Subject<number>();
    let closed = 0;
    const response = eventStream(values, { onClosed: () => (closed += 1) });
    values.next(1);
    values.complete();
    assert.is(await response.text(), ':\n\ndata: 1\n\n');
    assert.is(closed, 1);
  });
});
