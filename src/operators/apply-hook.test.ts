import { Subject, VirtualTimeScheduler } from 'rxjs';
import * as assert from 'uvu/assert';
import type { Delivery } from '../core/delivery.ts';
import { PoisonError, RetryableError } from '../core/errors.ts';
import { drop } from '../core/hook-result.ts';
import { Readiness } from '../core/readiness.ts';
import { Telemetry } from '../telemetry/telemetry.ts';
import { eventually } from '../testing/eventually.ts';
import { suite } from '../testing/suite.ts';
import { testContext, testDelivery } from '../testing/test-context.ts';
import { applyHook, type HookAnswer } from './apply-hook.ts';

/** Sends deliveries through a hook that returns the new payload of its message. */
function run(call: (delivery: Delivery) => HookAnswer<string>, scheduler?: VirtualTimeScheduler) {
  const context = testContext();
  const readiness = new Readiness();
  const input = new Subject<Delivery>();
  const emitted: string[] = [];
  const hook = applyHook<string>({
    name: 'enricher',
    config: { timeoutMs: 50, concurrency: 10 },
    keyOf: ({ message }) => message.attributes.key,
    call,
    accept: (delivery, text) => {
      if (typeof text !== 'string') throw new PoisonError('hook_failed', 'the enricher must return a string');
      return delivery.with({ ...delivery.message, payload: Buffer.from(text) });
    },
    retry: { initialDelayMs: 1, maxDelayMs: 1, giveUpAfterMs: Number.POSITIVE_INFINITY },
    telemetry: new Telemetry('test', { level: 'silent', processMetrics: false }),
    readiness,
    ...(scheduler === undefined ? {} : { scheduler }),
  });
  input.pipe(hook).subscribe(({ message }) => emitted.push(Buffer.from(message.payload).toString()));
  const send = (id: string, key = 'k') => {
    const delivery = testDelivery(context, { id, attributes: { key } });
    input.next(delivery);
    return delivery;
  };
  return { context, emitted, send, readiness };
}

const never = () => new Promise<string>(() => {});

suite('applyHook', ({ test }) => {
  test('emits synchronous answers synchronously', () => {
    const { emitted, send } = run(({ message }) => `${message.id}!`);
    send('a');
    send('b');
    assert.equal(emitted, ['a!', 'b!']);
  });

  test('keeps the order of a key, however long its calls take, and lets other keys pass', async () => {
    const answers = new Map<string, (text: string) => void>();
    const { emitted, send } = run(({ message }) => new Promise((resolve) => answers.set(message.id, resolve)));
    send('a1', 'a');
    send('a2', 'a');
    send('b1', 'b');
    answers.get('b1')?.('b1');
    await eventually(() => assert.equal(emitted, ['b1']));
    answers.get('a1')?.('a1');
    await eventually(() => assert.ok(answers.has('a2')));
    answers.get('a2')?.('a2');
    await eventually(() => assert.equal(emitted, ['b1', 'a1', 'a2']));
  });

  test('a call that rejects, throws or returns a wrong value fails only its message, and the error names the hook', async () => {
    const failures: readonly (() => HookAnswer<string>)[] = [
      () => Promise.reject(new TypeError('rejected')),
      () => Promise.reject(Object.create(null)),
      () => {
        throw new TypeError('thrown');
      },
      () => {
        throw Object.create(null);
      },
      // A JavaScript hook may return anything, whatever its type says.
      () => JSON.parse('42'),
      async () => JSON.parse('42'),
    ];
    let next = 0;
    const { context, send, emitted } = run(({ message }) => {
      const failure = message.id === 'good' ? undefined : failures[next++];
      return failure === undefined ? 'good' : failure();
    });
    for (const _ of failures) send('bad');
    send('good');
    await eventually(() => assert.is(context.deadLettered.length, failures.length));
    for (const { poison } of context.deadLettered) {
      assert.is(poison.reason, 'hook_failed');
      assert.match(poison.message, /^the enricher /);
    }
    assert.equal(emitted, ['good']);
  });

  test('a RetryableError, of any copy of the class, is an outage: red and retried', async () => {
    class Other extends Error {
      override readonly name = 'RetryableError';
    }
    const outages: (() => HookAnswer<string>)[] = [
      () => {
        throw new RetryableError('down');
      },
      () => {
        throw new Other('down');
      },
      () => Promise.reject(new RetryableError('down')),
    ];
    const reds: unknown[] = [];
    const { context, emitted, send, readiness } = run(({ message }) => outages.shift()?.() ?? message.id);
    readiness.changes.subscribe(({ components }) => reds.push(components['hooks.enricher']?.state));
    send('a');
    await eventually(() => assert.equal(emitted, ['a']));
    assert.equal(context.deadLettered, []);
    assert.equal([reds.includes('failing'), reds.at(-1)], [true, 'ok']);
  });

  test('retries a call that times out', () => {
    const scheduler = new VirtualTimeScheduler();
    let calls = 0;
    const { emitted, send, readiness } = run(() => {
      calls += 1;
      return calls < 3 ? never() : 'late';
    }, scheduler);
    send('a');
    scheduler.maxFrames = 60;
    scheduler.flush();
    assert.match(readiness.report.components['hooks.enricher']?.detail ?? '', 'the enricher: no answer within 50 ms');
    scheduler.maxFrames = 1_000;
    scheduler.flush();
    assert.equal([emitted, calls], [['late'], 3]);
  });

  test('drop, synchronous or not, drops the message', async () => {
    const { context, emitted, send } = run(({ message }) => (message.id === 'now' ? drop : Promise.resolve(drop)));
    send('now');
    send('later');
    await eventually(() => assert.is(context.ledger.dropped, 2));
    assert.equal([emitted, context.ledger.inFlight], [[], 0]);
  });
});
