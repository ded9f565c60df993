import { NEVER, of, Subject, throwError } from 'rxjs';
import * as assert from 'uvu/assert';
import { accepted, type Delivery, failed, type Outcome } from '../core/delivery.ts';
import { FatalError, PoisonError, RetryableError } from '../core/errors.ts';
import { drop } from '../core/hook-result.ts';
import type { Message } from '../core/message.ts';
import { encodeEnvelope, enriched } from '../formats/envelope/envelope.ts';
import { suite } from '../testing/suite.ts';
import { testContext, testDelivery, testMessage } from '../testing/test-context.ts';
import { decodeInput, type InputMode } from './decode-input.ts';
import { mapMessage } from './map-message.ts';
import { settle } from './settle.ts';

suite('mapMessage', ({ test }) => {
  test('gives each delivery the new message, and keeps its right to settle', () => {
    const delivery = testDelivery(testContext());
    const seen: Delivery[] = [];
    of(delivery)
      .pipe(mapMessage((message) => enriched(message, { site: 'north' })))
      .subscribe((mapped) => seen.push(mapped));
    assert.equal(seen[0]?.message.enrichmentData, { site: 'north' });
    assert.is(seen[0]?.ackHandle, delivery.ackHandle);
  });

  test('an unchanged message stays in the same delivery', () => {
    const delivery = testDelivery(testContext());
    of(delivery)
      .pipe(mapMessage((message) => message))
      .subscribe((mapped) => assert.is(mapped, delivery));
  });

  test('a result of drop acknowledges the message, counts it as dropped, and emits nothing', () => {
    const delivery = testDelivery(testContext());
    const seen: Delivery[] = [];
    of(delivery)
      .pipe(mapMessage(() => drop))
      .subscribe((mapped) => seen.push(mapped));
    assert.equal(seen, []);
    assert.equal(delivery.ackHandle.told, ['acknowledged']);
    assert.is(delivery.ackHandle.context.ledger.dropped, 1);
  });

  test('an error of the function fails one delivery; only a FatalError ends the stream', () => {
    const context = testContext();
    const input = new Subject<Delivery>();
    const seen: string[] = [];
    const thrown: Record<string, unknown> = {
      poison: new PoisonError('undecodable', 'p'),
      bug: new TypeError('b'),
      outage: new RetryableError('o'),
      fatal: new FatalError('f'),
    };
    const project = (message: Message): Message => {
      if (message.id in thrown) throw thrown[message.id];
      return message;
    };
    input.pipe(mapMessage(project)).subscribe({
      next: ({ message }) => seen.push(message.id),
      error: (error) => seen.push(error.message),
    });
    const outage = testDelivery(context, { id: 'outage' });
    for (const id of ['1', 'poison', 'bug']) input.next(testDelivery(context, { id }));
    input.next(outage);
    for (const id of ['2', 'fatal', '3']) input.next(testDelivery(context, { id }));
    assert.equal(seen, ['1', '2', 'f']);
    assert.equal(
      context.deadLettered.map(({ poison }) => [poison.reason, poison.message]),
      [
        ['undecodable', 'p'],
        ['hook_failed', 'b'],
      ],
    );
    assert.equal(outage.ackHandle.told, ['given back']);
  });

  test('passes never, empty, error and unsubscribing on', () => {
    const seen: string[] = [];
    const observer = { error: (error: Error) => seen.push(error.message), complete: () => seen.push('complete') };
    const same = mapMessage((message) => message);
    NEVER.pipe(same).subscribe(observer);
    of<Delivery>().pipe(same).subscribe(observer);
    throwError(() => new Error('source'))
      .pipe(same)
      .subscribe(observer);
    assert.equal(seen, ['complete', 'source']);
    const input = new Subject<Delivery>();
    input.pipe(same).subscribe().unsubscribe();
    assert.not(input.observed);
  });
});

suite('decodeInput', ({ test }) => {
  const inner = testMessage({ id: 'inner', payload: 'bytes', enrichmentData: { a: 1 } });
  const data = encodeEnvelope(inner);

  function decoded(mode: InputMode, payload: Uint8Array) {
    const context = testContext();
    const seen: Message[] = [];
    of(testDelivery(context, { id: 'outer', payload, attributes: { uid: 'd1' } }))
      .pipe(decodeInput(mode))
      .subscribe(({ message }) => seen.push(message));
    return { message: seen[0], poisoned: context.deadLettered[0]?.poison.reason };
  }

  test('opens an envelope, and keeps the attributes', () => {
    for (const mode of ['envelope', 'auto'] as const) {
      const { message } = decoded(mode, data);
      assert.is(message?.id, 'inner');
      assert.is(Buffer.from(message?.payload ?? []).toString(), 'bytes');
      assert.equal(message?.enrichmentData, { a: 1 });
      assert.equal(message?.attributes, { uid: 'd1' });
    }
  });

  test('raw: the data is the payload, even if it is an envelope', () => {
    const { message } = decoded('raw', data);
    assert.is(message?.id, 'outer');
    assert.is(message?.payload, data);
  });

  test('other data than an envelope is poison, or a raw payload with auto', () => {
    const raw = Buffer.from('{"temperature":21}');
    assert.equal(decoded('envelope', raw), { message: undefined, poisoned: 'undecodable' });
    const { message, poisoned } = decoded('auto', raw);
    assert.is(message?.id, 'outer');
    assert.is(message?.payload, raw);
    assert.is(poisoned, undefined);
  });
});

suite('settle', ({ test }) => {
  test('applies the outcome, and passes it on', () => {
    const context = testContext();
    const poison = new PoisonError('rejected', 'x');
    const deliveries = ['1', '2', '3', '4'].map((id) => testDelivery(context, { id }));
    const [first, second, third, fourth] = deliveries;
    if (!first || !second || !third || !fourth) throw new Error('four deliveries');
    const outcomes: Outcome[] = [
      accepted(first),
      { verdict: 'drop', delivery: second },
      failed(third, new Error('x')),
      failed(fourth, poison),
    ];
    const passed: Outcome[] = [];
    of(...outcomes)
      .pipe(settle())
      .subscribe((outcome) => passed.push(outcome));
    assert.equal(passed, outcomes);
    const { acked, dropped, nacked, inFlight } = context.ledger;
    assert.equal([acked, dropped, nacked, inFlight], [1, 1, 1, 1]);
    assert.is(context.deadLettered[0]?.poison, poison);
    assert.is(context.deadLettered[0]?.original, fourth.ackHandle.original);
  });
});
