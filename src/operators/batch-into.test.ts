import {
  concat,
  defer,
  EMPTY,
  NEVER,
  type Observable,
  of,
  Subject,
  throwError,
  timer,
  VirtualTimeScheduler,
} from 'rxjs';
import { finalize, mergeMap, take } from 'rxjs/operators';
import * as assert from 'uvu/assert';
import type { Delivery } from '../core/delivery.ts';
import { FatalError, PoisonError, RetryableError } from '../core/errors.ts';
import { simulatedSource } from '../testing/simulated-source.ts';
import { suite } from '../testing/suite.ts';
import { testContext, testDelivery, tryDelivery } from '../testing/test-context.ts';
import { type BatchIntoOptions, batchInto, type ItemResult, type Slot } from './batch-into.ts';
import { type Batch, type BatchItem, PartitionKey } from './batcher.ts';
import type { FailingTargetsView } from './failing-targets.ts';
import { settle } from './settle.ts';

type Effect = (batch: Batch, slot: Slot) => Observable<readonly ItemResult[]>;

interface BenchOptions extends Partial<BatchIntoOptions<BatchItem>> {
  readonly keyOf?: (name: string) => PartitionKey;
}

const TAKES_MS = 100;

const ownTarget = (name: string) => new PartitionKey(name, name);
const serial = (name: string) => new PartitionKey('target', name, true);

const accepting = ({ items }: Batch): Observable<readonly ItemResult[]> => of(items.map(() => undefined));

/** Runs batches in virtual time, and logs input and output with times. */
function bench({ keyOf = ownTarget, ...options }: BenchOptions = {}, effect?: Effect) {
  const scheduler = options.scheduler instanceof VirtualTimeScheduler ? options.scheduler : new VirtualTimeScheduler();
  const context = testContext();
  const input = new Subject<Delivery>();
  const log: string[] = [];
  const note = (text: string) => log.push(`${scheduler.now()} ${text}`);
  const ids = (batch: Batch) => batch.items.map(({ delivery }) => delivery.message.id).join(' ');
  const operator = batchInto<BatchItem>(
    {
      limits: { maxCount: 3, maxBytes: 100, maxAgeMs: 50, maxOpen: 2 },
      concurrency: 2,
      credit: context.credit,
      prepare: (delivery) => ({
        delivery,
        key: keyOf(delivery.message.attributes.key ?? 'a'),
        bytes: delivery.ackHandle.bytes,
      }),
      onFlush: (batch) => note(`flush ${ids(batch)} (${batch.reason})`),
      scheduler,
      ...options,
    },
    effect ?? ((batch) => timer(TAKES_MS, scheduler).pipe(mergeMap(() => accepting(batch)))),
  );
  const subscription = input.pipe(operator).subscribe({
    next: ({ verdict, delivery }) => note(`${verdict} ${delivery.message.id}`),
    error: (error) => note(`error ${error.message}`),
    complete: () => note('complete'),
  });
  const emit = (id: string, key = 'a') => input.next(testDelivery(context, { id, attributes: { key } }));
  const at = (ms: number, work: () => void) => scheduler.schedule(work, ms);
  return { scheduler, context, input, log, subscription, emit, at };
}

/** The outcomes of one batch with the deliveries 1 and 2. */
function outcomesOf(effect: Effect, options: BenchOptions = {}): string[] {
  const { emit, input, scheduler, log } = bench(options, effect);
  emit('1');
  emit('2');
  input.complete();
  scheduler.flush();
  return log.filter((line) => !line.includes('flush')).map((line) => line.replace(/^\d+ /, ''));
}

suite('batchInto: the stream', ({ test }) => {
  test('passes never, empty and error on', () => {
    const never = bench();
    never.scheduler.flush();
    assert.equal(never.log, []);

    const empty = bench();
    empty.input.complete();
    assert.equal(empty.log, ['0 complete']);

    const broken = bench();
    broken.emit('1');
    broken.input.error(new Error('source'));
    broken.scheduler.flush();
    assert.equal(broken.log, ['0 error source'], 'nothing leaves after the error');
  });

  test('a batch leaves immediately by count, later by age', () => {
    const { emit, scheduler, log } = bench();
    for (const id of ['1', '2', '3', '4']) emit(id);
    scheduler.flush();
    assert.equal(
      log.filter((line) => line.includes('flush')),
      ['0 flush 1 2 3 (count)', '50 flush 4 (age)'],
    );
  });

  test('open batches leave on completion, which follows the last outcome', () => {
    const { emit, input, scheduler, log } = bench();
    emit('1');
    emit('2', 'b');
    input.complete();
    scheduler.flush();
    assert.equal(log, ['0 flush 1 (completion)', '0 flush 2 (completion)', '100 ack 1', '100 ack 2', '100 complete']);
  });

  test('at most as many batches are out as there are slots, and a busy sink gets larger ones', () => {
    const { emit, at, scheduler, log } = bench({ concurrency: 1 });
    emit('1');
    at(60, () => emit('2'));
    at(120, () => emit('3'));
    scheduler.flush();
    assert.equal(log, ['50 flush 1 (age)', '150 ack 1', '150 flush 2 3 (age)', '250 ack 2', '250 ack 3']);
  });

  test('one key too many makes the fullest batch leave', () => {
    const { emit, scheduler, log } = bench();
    for (const key of ['a', 'b', 'c']) emit(key, key);
    assert.equal(log, ['0 flush a (crowded)']);
    scheduler.flush();
  });

  test('a serial key keeps its order; another key does not wait for it', () => {
    const { emit, scheduler, log } = bench({ keyOf: serial, concurrency: 9 });
    for (const id of ['1', '2', '3', '4', '5', '6']) emit(id);
    emit('b', 'b');
    scheduler.flush();
    assert.equal(
      log.filter((line) => line.includes('flush')),
      ['0 flush 1 2 3 (count)', '50 flush b (age)', '100 flush 4 5 6 (count)'],
    );
  });

  test('used-up credit makes the fullest batch leave immediately', () => {
    const { emit, scheduler, log, context } = bench({
      limits: { maxCount: 9, maxBytes: 100, maxAgeMs: 50, maxOpen: 9 },
    });
    emit('1', 'a');
    emit('2', 'b');
    emit('3', 'b');
    context.credit.tryTake(Number.MAX_SAFE_INTEGER);
    scheduler.maxFrames = 40;
    scheduler.flush();
    assert.equal(log, ['0 flush 2 3 (pressure)', '0 flush 1 (pressure)']);
  });

  test('under pressure a small batch waits for another to return, a large one does not', () => {
    const limits = { maxCount: 9, maxBytes: 1_000, maxAgeMs: 500, maxOpen: 9 };
    const context = testContext({ maxMessages: 8, maxBytes: 1_000 });
    const { emit, at, scheduler, log } = bench({ limits, credit: context.credit });
    for (let held = 0; held < 7; held += 1) context.credit.tryTake(1);
    emit('1');
    context.credit.tryTake(1);
    at(10, () => emit('small'));
    at(20, () => context.credit.release(1));
    at(21, () => context.credit.tryTake(1));
    at(120, () => {
      context.credit.release(1);
      emit('2');
      emit('3');
      context.credit.tryTake(1);
    });
    scheduler.flush();
    assert.equal(
      log.filter((line) => line.includes('flush')),
      ['0 flush 1 (pressure)', '100 flush small (pressure)', '120 flush 2 3 (pressure)'],
    );
  });

  test('under pressure, more keys than slots leave no slot empty, however long each batch takes', () => {
    const scheduler = new VirtualTimeScheduler();
    const context = testContext({ maxMessages: 40 });
    const arrivals = Array.from({ length: 400 }, (_, index) => ({
      atMs: 0,
      fields: { id: `${index}`, attributes: { key: `${index % 40}` } },
    }));
    let out = 0;
    let started = 0;
    const operator = batchInto<BatchItem>(
      {
        limits: { maxCount: 9, maxBytes: 100, maxAgeMs: 60_000, maxOpen: 100 },
        concurrency: 4,
        credit: context.credit,
        prepare: (delivery) => ({
          delivery,
          key: new PartitionKey('target', delivery.message.attributes.key ?? ''),
          bytes: 1,
        }),
        scheduler,
      },
      (batch) => {
        out += 1;
        started += 1;
        return timer(10 + 10 * (started % 5), scheduler).pipe(
          mergeMap(() => {
            out -= 1;
            return accepting(batch);
          }),
        );
      },
    );
    simulatedSource(context, arrivals, scheduler).deliveries.pipe(operator, settle()).subscribe();
    const idle: number[] = [];
    for (let ms = 5; ms < 1_000; ms += 10) scheduler.schedule(() => out < 4 && idle.push(ms), ms);
    scheduler.flush();
    assert.is(context.ledger.acked, 400);
    assert.equal(idle, []);
  });

  test('more batches run while the server keeps up, fewer after outages, as many after other retries', () => {
    /**
     * Lets the limit grow, then retries all batches in this way, and counts the batches that are out when a new one
     * leaves.
     */
    const outAfter = (isOutage: boolean): number => {
      const scheduler = new VirtualTimeScheduler();
      const context = testContext();
      const input = new Subject<Delivery>();
      let out = 0;
      let most = 0;
      let fewest = Number.POSITIVE_INFINITY;
      let hasFailed = false;
      const operator = batchInto<BatchItem>(
        {
          limits: { maxCount: 1, maxBytes: 100, maxAgeMs: 50, maxOpen: 2 },
          concurrency: 64,
          credit: context.credit,
          prepare: (delivery) => ({ delivery, key: new PartitionKey('target'), bytes: 1 }),
          onFlush: () => {
            if (hasFailed) fewest = Math.min(fewest, out);
          },
          scheduler,
        },
        (batch, slot) => {
          out += 1;
          most = Math.max(most, out);
          if (scheduler.now() === 1_000) {
            hasFailed = true;
            slot.retries(isOutage);
          }
          return timer(100 + (hasFailed ? out : 0), scheduler).pipe(
            mergeMap(() => {
              out -= 1;
              return accepting(batch);
            }),
          );
        },
      );
      input.pipe(operator).subscribe();
      for (let id = 0; id < 2_000; id += 1) input.next(testDelivery(context, { id: `${id}` }));
      scheduler.maxFrames = 1_500;
      scheduler.flush();
      assert.is(most, 64);
      return fewest;
    };
    assert.is(outAfter(false), 63);
    assert.ok(outAfter(true) < 60);
  });

  test('a target refused alone takes no slots from the others, an outage does', () => {
    /** The most batches of other targets that are out while one target keeps failing. */
    const mostBeside = (isOutage: boolean): number => {
      const scheduler = new VirtualTimeScheduler();
      const context = testContext();
      const input = new Subject<Delivery>();
      let out = 0;
      let most = 0;
      const refused = (slot: Slot): Observable<readonly ItemResult[]> => {
        slot.pause('bad', isOutage);
        return timer(10, scheduler).pipe(
          mergeMap(() => slot.resume()),
          mergeMap(() => refused(slot)),
        );
      };
      const operator = batchInto<BatchItem>(
        {
          limits: { maxCount: 1, maxBytes: 100, maxAgeMs: 50, maxOpen: 2 },
          concurrency: 64,
          credit: context.credit,
          prepare: (delivery) => ({ delivery, key: ownTarget(delivery.message.attributes.key ?? ''), bytes: 1 }),
          scheduler,
        },
        (batch, slot) => {
          if (batch.key.target === 'bad') return refused(slot);
          out += 1;
          most = Math.max(most, out);
          return timer(100, scheduler).pipe(
            mergeMap(() => {
              out -= 1;
              return accepting(batch);
            }),
          );
        },
      );
      input.pipe(operator).subscribe();
      input.next(testDelivery(context, { attributes: { key: 'bad' } }));
      for (let id = 0; id < 2_000; id += 1)
        input.next(testDelivery(context, { id: `${id}`, attributes: { key: `k${id}` } }));
      scheduler.maxFrames = 2_000;
      scheduler.flush();
      return most;
    };
    assert.is(mostBeside(false), 64);
    assert.ok(mostBeside(true) < 16);
  });

  test('pressure waits for a free slot', () => {
    const { emit, scheduler, log, context } = bench({ concurrency: 1 });
    for (const id of ['1', '2', '3', '4']) emit(id);
    context.credit.tryTake(Number.MAX_SAFE_INTEGER);
    scheduler.flush();
    assert.equal(
      log.filter((line) => line.includes('flush')),
      ['0 flush 1 2 3 (count)', '100 flush 4 (age)'],
    );
  });

  test('unsubscribing aborts the effects and settles nothing', () => {
    let aborted = 0;
    const effect: Effect = () =>
      NEVER.pipe(
        finalize(() => {
          aborted += 1;
        }),
      );
    const { emit, input, subscription, scheduler, log, context } = bench({}, effect);
    for (const id of ['1', '2', '3', '4']) emit(id);
    subscription.unsubscribe();
    assert.not(input.observed);
    scheduler.flush();
    assert.is(aborted, 1);
    assert.equal(log, ['0 flush 1 2 3 (count)']);
    assert.is(context.ledger.inFlight, 4);
  });
});

suite('batchInto: failures', ({ test }) => {
  test('each item is settled by its own result', () => {
    assert.equal(
      outcomesOf(() => of([undefined, new PoisonError('rejected', 'x')])),
      ['ack 1', 'deadLetter 2', 'complete'],
    );
    assert.equal(
      outcomesOf(() => of([new Error('x'), undefined])),
      ['nack 1', 'ack 2', 'complete'],
    );
  });

  test('too few or too many results confirm nothing: all deliveries go back', () => {
    for (const results of [[undefined], [undefined, undefined, undefined], []]) {
      assert.equal(
        outcomesOf(() => of(results)),
        ['nack 1', 'nack 2', 'complete'],
      );
    }
  });

  test('an effect that completes empty returns all deliveries', () => {
    assert.equal(
      outcomesOf(() => EMPTY),
      ['nack 1', 'nack 2', 'complete'],
    );
  });

  test('an effect that fails returns all deliveries, or dead-letters all if the error is poison', () => {
    const failing =
      (error: Error): Effect =>
      () =>
        throwError(() => error);
    assert.equal(outcomesOf(failing(new RetryableError('x'))), ['nack 1', 'nack 2', 'complete']);
    assert.equal(outcomesOf(failing(new PoisonError('rejected', 'x'))), ['deadLetter 1', 'deadLetter 2', 'complete']);
  });

  test('an effect that throws counts as one that fails', () => {
    const throwing =
      (error: unknown): Effect =>
      () => {
        throw error;
      };
    assert.equal(outcomesOf(throwing(new Error('bug'))), ['nack 1', 'nack 2', 'complete']);
    assert.equal(outcomesOf(throwing('text')), ['nack 1', 'nack 2', 'complete']);
    assert.equal(outcomesOf(throwing(new FatalError('setting'))), ['error setting']);
  });

  test('a FatalError ends the stream', () => {
    assert.equal(
      outcomesOf(() => throwError(() => new FatalError('setting'))),
      ['error setting'],
    );
  });

  test('ignores what an effect emits or fails with after its results', () => {
    const accepted = [undefined, undefined];
    const ends = [of(accepted.map(() => new Error('no'))), throwError(() => new RetryableError('x'))];
    for (const end of ends) {
      assert.equal(
        outcomesOf(() => concat(of(accepted), end)),
        ['ack 1', 'ack 2', 'complete'],
      );
    }
  });

  test('a failed batch frees its slot', () => {
    const { emit, input, scheduler, log } = bench({ concurrency: 1 }, () => throwError(() => new Error('no')));
    for (const id of ['1', '2', '3', '4', '5', '6']) emit(id);
    input.complete();
    scheduler.flush();
    assert.is(log.filter((line) => line.includes('nack')).length, 6);
    assert.is(log.at(-1), '0 complete');
  });

  /** An effect that fails batches whose key is in `broken`, and waits 100 ms between attempts. */
  const retrying = (broken: Set<string>, log: string[]) => {
    const withScheduler = (scheduler: VirtualTimeScheduler): Effect => {
      const attempt: Effect = (batch, slot) =>
        defer(() => {
          log.push(`${scheduler.now()} try ${batch.key.group}`);
          if (!broken.has(batch.key.group)) return timer(10, scheduler).pipe(mergeMap(() => accepting(batch)));
          slot.pause(batch.key.group);
          return timer(100, scheduler).pipe(
            mergeMap(() => slot.resume()),
            mergeMap(() => attempt(batch, slot)),
          );
        });
      return attempt;
    };
    return withScheduler;
  };

  test('a paused batch releases its slot: its target waits until it works again, others continue', () => {
    const broken = new Set(['bad']);
    const tries: string[] = [];
    const scheduler = new VirtualTimeScheduler();
    const { emit, input, log } = bench({ concurrency: 1, scheduler }, retrying(broken, tries)(scheduler));
    for (const id of ['b1', 'b2', 'b3', 'b4', 'b5', 'b6']) emit(id, 'bad');
    for (const id of ['g1', 'g2', 'g3']) emit(id, 'good');
    scheduler.schedule(() => broken.clear(), 150);
    scheduler.schedule(() => input.complete(), 160);
    scheduler.flush();
    assert.equal(tries, ['0 try bad', '0 try good', '100 try bad', '200 try bad', '210 try bad']);
    assert.equal(
      log.filter((line) => / ack | complete/.test(line)),
      [
        '10 ack g1',
        '10 ack g2',
        '10 ack g3',
        '210 ack b1',
        '210 ack b2',
        '210 ack b3',
        '220 ack b4',
        '220 ack b5',
        '220 ack b6',
        '220 complete',
      ],
    );
  });

  /** A failing target and a working one that share credit for eight messages. */
  function shared({ keyOf = ownTarget, ...options }: BenchOptions, mayPostpone: boolean) {
    const scheduler = new VirtualTimeScheduler();
    const context = testContext({ maxMessages: 8 });
    const settled: string[] = [];
    const bad = new Set(['bad']);
    const targets: FailingTargetsView[] = [];
    const input = new Subject<Delivery>();
    const operator = batchInto<BatchItem>(
      {
        limits: { maxCount: 2, maxBytes: 1_000, maxAgeMs: 5, maxOpen: 9 },
        concurrency: 4,
        credit: context.credit,
        prepare: (delivery) => ({ delivery, key: keyOf(delivery.message.attributes.key ?? ''), bytes: 1 }),
        onFailingTargets: (view) => targets.push(view),
        scheduler,
        ...options,
      },
      retrying(bad, [])(scheduler),
    );
    input.pipe(operator, settle()).subscribe((outcome) => {
      const delay = outcome.verdict === 'nack' ? ` ${outcome.afterMs}` : '';
      settled.push(`${scheduler.now()} ${outcome.verdict} ${outcome.delivery.message.id}${delay}`);
    });
    const emit = (...ids: string[]) => {
      for (const id of ids) {
        const key = id.startsWith('b') ? 'bad' : 'good';
        const delivery = tryDelivery(context, { id, attributes: { key }, mayPostpone });
        if (delivery === undefined) settled.push(`${scheduler.now()} no credit for ${id}`);
        else input.next(delivery);
      }
    };
    const at = (ms: number, work: () => void) => scheduler.schedule(work, ms);
    return { emit, at, settled, context, bad, scheduler, failing: () => targets.flatMap(({ entries }) => entries) };
  }
  const all = ['b1', 'b2', 'b3', 'b4', 'b5', 'b6', 'b7', 'b8'];

  test('a failing target keeps half of the credit; the rest goes back to wait at its source', () => {
    const { emit, at, settled, bad, scheduler, failing, context } = shared({}, true);
    emit(...all);
    at(1, () => emit('g1', 'g2', 'b9'));
    at(90, () => settled.push(`failing ${failing()}`));
    at(95, () => bad.clear());
    scheduler.flush();
    assert.equal(settled, [
      ...['b5', 'b6', 'b7', 'b8'].map((id) => `0 nack ${id} 1000`),
      '1 nack b9 1000',
      '11 ack g1',
      '11 ack g2',
      'failing bad,4',
      ...['110 ack b1', '110 ack b2', '120 ack b3', '120 ack b4'],
    ]);
    assert.is(context.credit.messages, 0);
    assert.equal(failing(), []);
  });

  test('nothing goes back if messages cannot wait at their source, or no other target is left', () => {
    const mqtt = shared({}, false);
    const only = shared({ keyOf: (name) => new PartitionKey('none', name), sharedTarget: 'bad' }, true);
    for (const { emit, at, settled, bad, scheduler, failing } of [mqtt, only]) {
      emit(...all);
      at(1, () => emit('g1'));
      at(90, () => settled.push(`failing ${failing()}`));
      at(95, () => bad.clear());
      scheduler.flush();
      assert.equal(settled.slice(0, 2), ['1 no credit for g1', 'failing bad,8']);
      assert.equal(
        settled.slice(2).map((line) => line.replace(/^\d+ /, '')),
        all.map((id) => `ack ${id}`),
      );
    }
  });

  test('a batch that resumes waits for a free slot, and comes before batches that have not begun', () => {
    const scheduler = new VirtualTimeScheduler();
    const order: string[] = [];
    let first = true;
    const { emit, log } = bench({ concurrency: 1, scheduler }, (batch, slot) => {
      order.push(`${scheduler.now()} ${batch.key.group}`);
      if (batch.key.group !== 'a' || !first) return timer(TAKES_MS, scheduler).pipe(mergeMap(() => accepting(batch)));
      first = false;
      slot.pause('a');
      return timer(10, scheduler).pipe(
        mergeMap(() => slot.resume()),
        mergeMap(() => {
          order.push(`${scheduler.now()} a again`);
          return accepting(batch);
        }),
      );
    });
    for (const key of ['a', 'b', 'c']) for (const n of [1, 2, 3]) emit(`${key}${n}`, key);
    scheduler.flush();
    assert.equal(order, ['0 a', '0 b', '100 a again', '100 c']);
    assert.is(log.filter((line) => line.includes(' ack ')).length, 9);
  });

  test('if order matters, deliveries waiting behind a returned one go back too; other keys continue', () => {
    const outage = new RetryableError('outage');
    const ways: Record<string, (batch: Batch) => Observable<readonly ItemResult[]>> = {
      'as a result': ({ items }) => of(items.map(() => outage)),
      'as an error': () => throwError(() => outage),
      'by leaving it out': () => EMPTY,
    };
    for (const [name, way] of Object.entries(ways)) {
      const gate = new Subject<void>();
      const { emit, input, scheduler, log } = bench({ keyOf: serial }, (batch) =>
        batch.key.group === 'a'
          ? gate.pipe(
              take(1),
              mergeMap(() => way(batch)),
            )
          : accepting(batch),
      );
      for (const id of ['1', '2', '3', '4', '5', '6', '7']) emit(id, 'a');
      emit('8', 'b');
      gate.next();
      input.complete();
      scheduler.flush();
      const settled = log.filter((line) => /nack|ack/.test(line)).map((line) => line.slice(2));
      assert.equal(
        settled.toSorted(),
        ['ack 8', ...['1', '2', '3', '4', '5', '6', '7'].map((id) => `nack ${id}`)],
        name,
      );
      assert.is(log.filter((line) => line.includes('flush')).length, 2, name);
    }
  });

  test('a delivery that cannot be prepared fails alone', () => {
    const seen: string[] = [];
    const context = testContext();
    const input = new Subject<Delivery>();
    const operator = batchInto<BatchItem>(
      {
        limits: { maxCount: 2, maxBytes: 100, maxAgeMs: 50, maxOpen: 2 },
        concurrency: 1,
        credit: context.credit,
        prepare: (delivery) => {
          if (delivery.message.id === 'poison') throw new PoisonError('too_large', 'x');
          if (delivery.message.id === 'bug') throw new TypeError('y');
          return { delivery, key: ownTarget(''), bytes: 0 };
        },
      },
      accepting,
    );
    input.pipe(operator).subscribe((outcome) => {
      const reason = outcome.verdict === 'deadLetter' ? ` ${outcome.poison.reason}` : '';
      seen.push(`${outcome.verdict} ${outcome.delivery.message.id}${reason}`);
    });
    for (const id of ['1', 'poison', 'bug', '2']) input.next(testDelivery(context, { id }));
    assert.equal(seen, ['deadLetter poison too_large', 'deadLetter bug internal', 'ack 1', 'ack 2']);
  });
});
