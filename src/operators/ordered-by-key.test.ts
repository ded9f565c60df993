import { EMPTY, NEVER, type Observable, of, Subject, throwError, timer, VirtualTimeScheduler } from 'rxjs';
import { finalize, map, mergeMap } from 'rxjs/operators';
import * as assert from 'uvu/assert';
import type { Delivery } from '../core/delivery.ts';
import { FatalError, PoisonError, RetryableError } from '../core/errors.ts';
import { simulatedSource } from '../testing/simulated-source.ts';
import { suite } from '../testing/suite.ts';
import { testContext, testDelivery } from '../testing/test-context.ts';
import { orderedByKey } from './ordered-by-key.ts';

type Effect = (delivery: Delivery) => Observable<Delivery>;

const keyOf = ({ message }: Delivery): string | undefined => message.attributes.key;

/** Emits deliveries on request, and logs each event with its virtual time. */
function bench(
  effect: (delivery: Delivery, scheduler: VirtualTimeScheduler) => Observable<Delivery>,
  limit = 9,
  trySync: (delivery: Delivery) => Delivery | undefined = () => undefined,
) {
  const scheduler = new VirtualTimeScheduler();
  const context = testContext();
  const input = new Subject<Delivery>();
  const log: string[] = [];
  const note = (text: string) => log.push(`${scheduler.now()} ${text}`);
  const subscription = input
    .pipe(
      orderedByKey(
        { keyOf, limit },
        Object.assign(
          (delivery: Delivery) => {
            note(`start ${delivery.message.id}`);
            return effect(delivery, scheduler);
          },
          { trySync },
        ),
      ),
    )
    .subscribe({
      next: (delivery) => note(`emit ${delivery.message.id}`),
      error: (error) => note(`error ${error.message}`),
      complete: () => note('complete'),
    });
  const emit = (id: string, key?: string) => {
    const delivery = testDelivery(context, { id, attributes: key === undefined ? {} : { key } });
    input.next(delivery);
    return delivery;
  };
  return { scheduler, context, input, log, subscription, emit };
}

const taking =
  (ms: number) =>
  (delivery: Delivery, scheduler: VirtualTimeScheduler): Observable<Delivery> =>
    timer(ms, scheduler).pipe(map(() => delivery));

/** Effects take 10 ms if they run. */
const instant = (trySync: (delivery: Delivery) => Delivery | undefined) => bench(taking(10), 9, trySync);

suite('orderedByKey', ({ test }) => {
  test('passes never, empty and error on', () => {
    const never = bench(taking(1));
    never.scheduler.flush();
    assert.equal(never.log, []);
    never.input.complete();
    assert.equal(never.log, ['0 complete']);
    const broken = bench(taking(1));
    broken.emit('1');
    broken.input.error(new Error('source'));
    broken.scheduler.flush();
    assert.equal(broken.log, ['0 start 1', '0 error source']);
  });

  test('runs one effect per key at a time, without delaying other keys', () => {
    const { emit, input, scheduler, log } = bench(taking(10));
    emit('a1', 'a');
    emit('a2', 'a');
    emit('b1', 'b');
    input.complete();
    scheduler.flush();
    assert.equal(log, [
      '0 start a1',
      '0 start b1',
      '10 emit a1',
      '10 start a2',
      '10 emit b1',
      '20 emit a2',
      '20 complete',
    ]);
  });

  test('deliveries without a key never wait for others', () => {
    const { emit, scheduler, log } = bench(taking(10));
    emit('1');
    emit('2');
    scheduler.flush();
    assert.equal(log, ['0 start 1', '0 start 2', '10 emit 1', '10 emit 2']);
  });

  test('runs no more effects than the limit', () => {
    const { emit, scheduler, log } = bench(taking(10), 2);
    for (const id of ['1', '2', '3']) emit(id, id);
    scheduler.flush();
    assert.equal(
      log.filter((line) => line.includes('start')),
      ['0 start 1', '0 start 2', '10 start 3'],
    );
  });

  test('an outage returns a delivery, and those of its key waiting behind it', () => {
    const { emit, scheduler, log, context } = bench((delivery, time) =>
      delivery.message.id === 'a1'
        ? timer(5, time).pipe(mergeMap(() => throwError(() => new RetryableError('outage'))))
        : taking(10)(delivery, time),
    );
    const [a1, a2, a3, b1] = [emit('a1', 'a'), emit('a2', 'a'), emit('a3', 'a'), emit('b1', 'b')];
    scheduler.flush();
    for (const { ackHandle } of [a1, a2, a3]) assert.equal(ackHandle.told, ['given back']);
    assert.ok(b1.ackHandle.isOpen);
    assert.equal(log, ['0 start a1', '0 start b1', '10 emit b1']);
    assert.is(context.ledger.nacked, 3);
    emit('a4', 'a');
    assert.is(log.at(-1), '10 start a4', 'the key works again');
  });

  test('completes after deliveries that arrive during a settlement', () => {
    const scheduler = new VirtualTimeScheduler();
    const context = testContext({ maxMessages: 1 });
    const arrivals = ['0', '1', '2'].map((id) => ({ atMs: 0, fields: { id, attributes: { key: 'a' } } }));
    const { deliveries, emitted } = simulatedSource(context, arrivals, scheduler);
    const log: string[] = [];
    const effect = (delivery: Delivery) =>
      timer(1, scheduler).pipe(
        mergeMap(() => (delivery.message.id === '0' ? throwError(() => new Error('outage')) : of(delivery))),
      );
    deliveries.pipe(orderedByKey({ keyOf, limit: 1 }, effect)).subscribe({
      next: (delivery) => {
        log.push(delivery.message.id);
        delivery.ack();
      },
      complete: () => log.push('complete'),
    });
    scheduler.flush();
    // With credit for one, each further delivery and the completion arrive inside the nack of the previous one.
    assert.equal(log, ['2', 'complete']);
    assert.equal(
      emitted.map(({ ackHandle }) => ackHandle.told),
      [['given back'], ['given back'], ['acknowledged']],
    );
  });

  test('poison fails one delivery: its successors continue', () => {
    const { emit, scheduler, log, context } = bench((delivery, time) =>
      delivery.message.id === 'a1' ? throwError(() => new PoisonError('no_data', 'x')) : taking(10)(delivery, time),
    );
    emit('a1', 'a');
    emit('a2', 'a');
    scheduler.flush();
    assert.is(context.deadLettered[0]?.poison.reason, 'no_data');
    assert.equal(log, ['0 start a1', '0 start a2', '10 emit a2']);
  });

  test('an effect that throws counts as one that fails, whatever it throws', () => {
    for (const thrown of [new Error('bug'), 'text', undefined, null]) {
      const { emit, input, log } = bench(() => {
        throw thrown;
      });
      assert.equal(emit('1', 'a').ackHandle.told, ['given back']);
      assert.equal(emit('2', 'a').ackHandle.told, ['given back']);
      input.complete();
      assert.is(log.at(-1), '0 complete');
    }
  });

  test('a FatalError ends the stream, from the effect or thrown by it', () => {
    const fatal = new FatalError('setting');
    const throwing: Effect = () => {
      throw fatal;
    };
    for (const effect of [throwing, () => throwError(() => fatal)]) {
      const { emit, log } = bench(effect);
      emit('1', 'a');
      assert.equal(log, ['0 start 1', '0 error setting']);
    }
  });

  test('an error of keyOf fails that delivery alone', () => {
    const input = new Subject<Delivery>();
    const context = testContext();
    const seen: string[] = [];
    const throwing = ({ message }: Delivery): string => {
      if (message.id === 'bad') throw new TypeError('no key here');
      return 'k';
    };
    input
      .pipe(orderedByKey({ keyOf: throwing, limit: 1 }, (delivery) => of(delivery)))
      .subscribe(({ message }) => seen.push(message.id));
    for (const id of ['1', 'bad', '2']) input.next(testDelivery(context, { id }));
    assert.equal(seen, ['1', '2']);
    assert.equal(
      context.deadLettered.map(({ poison }) => [poison.reason, poison.message]),
      [['hook_failed', 'no key here']],
    );
  });

  test('an effect may emit nothing, or synchronously', () => {
    const { emit, input, log } = bench((delivery) => (delivery.message.id === '1' ? EMPTY : of(delivery)));
    for (const id of ['1', '2', '3']) emit(id, 'a');
    input.complete();
    assert.equal(log, ['0 start 1', '0 start 2', '0 emit 2', '0 start 3', '0 emit 3', '0 complete']);
  });

  test('thousands waiting behind one do not grow the stack', () => {
    const gate = new Subject<never>();
    const { emit, log } = bench((delivery) => (delivery.message.id === '0' ? gate : of(delivery)), 1);
    for (let id = 0; id < 20_000; id += 1) emit(`${id}`, 'a');
    gate.complete();
    assert.is(log.filter((line) => line.includes('emit')).length, 19_999);
  });

  test('unsubscribing aborts the effects and settles nothing', () => {
    let aborted = 0;
    const { emit, subscription, context } = bench(() =>
      NEVER.pipe(
        finalize(() => {
          aborted += 1;
        }),
      ),
    );
    emit('1', 'a');
    emit('2', 'a');
    emit('3', 'b');
    subscription.unsubscribe();
    assert.is(aborted, 2);
    assert.is(context.ledger.inFlight, 3);
  });

  for (const [what, thrown, told] of [
    ['goes to dead-letter', new PoisonError('rejected', 'poison'), []],
    ['goes back', new RetryableError('outage'), ['given back']],
  ] as const) {
    test(`a synchronous failure ${what}, without an effect`, () => {
      const { emit, log, context } = instant(() => {
        throw thrown;
      });
      const delivery = emit('1', 'a');
      assert.equal(delivery.ackHandle.told, told);
      assert.is(context.deadLettered.length, told.length === 0 ? 1 : 0);
      assert.equal(log, []);
    });
  }

  test('a synchronous FatalError ends the stream', () => {
    const { emit, log } = instant(() => {
      throw new FatalError('no such thing');
    });
    emit('1', 'a');
    assert.equal(log, ['0 error no such thing']);
  });

  test('a synchronous result needs no effect, but never overtakes its predecessors', () => {
    const { emit, input, scheduler, log } = instant((delivery) =>
      delivery.message.id === 'slow' ? undefined : delivery,
    );
    emit('1', 'a');
    emit('slow', 'a');
    emit('2', 'a');
    emit('3', 'b');
    emit('4');
    assert.equal(log, ['0 emit 1', '0 start slow', '0 emit 3', '0 emit 4']);
    scheduler.flush();
    input.complete();
    assert.equal(log.slice(4), ['10 emit slow', '10 start 2', '20 emit 2', '20 complete']);
  });
});
