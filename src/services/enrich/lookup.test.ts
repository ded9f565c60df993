import { delay, firstValueFrom, NEVER, type Observable, of, throwError } from 'rxjs';
import * as assert from 'uvu/assert';
import type { Delivery } from '../../core/delivery.ts';
import { PoisonError, RetryableError } from '../../core/errors.ts';
import { drop } from '../../core/hook-result.ts';
import { encodeEnvelope, enriched } from '../../formats/envelope/envelope.ts';
import { singleFlight } from '../../lookup/chain.ts';
import type { Fetcher, LookupData } from '../../lookup/fetcher.ts';
import { memoryCache } from '../../lookup/memory-cache.ts';
import { Telemetry } from '../../telemetry/telemetry.ts';
import { eventually } from '../../testing/eventually.ts';
import { fakeFetcher } from '../../testing/fake-fetcher.ts';
import { suite } from '../../testing/suite.ts';
import { type TestDelivery, testContext, testDelivery, testMessage } from '../../testing/test-context.ts';
import { written } from '../../testing/written.ts';
import { applyByNames, keyByPaths, keyResult, type LookupOptions, lookup } from './lookup.ts';
import { orderBy, toPublishTarget } from './publish-target.ts';

const KEYS = keyByPaths(['enrichmentData.DeviceID', 'attributes.uid']);
const TABLE = { d1: { ClientID: 'c1', place: { LocationID: 'hall' } } };

interface Looked {
  readonly delivery: TestDelivery;
  readonly emitted: Delivery[];
  readonly fetched: string[];
  readonly ended: unknown;
}

/** Looks up one delivery, and returns the result. */
function look(
  options: Partial<LookupOptions> = {},
  attributes: Record<string, string> = { uid: 'd1' },
  answer?: (key: string) => Observable<LookupData | undefined>,
): Looked {
  const delivery = testDelivery(testContext(), { attributes, enrichmentData: { kept: true } });
  const fetcher = fakeFetcher(TABLE, answer);
  const emitted: Delivery[] = [];
  let ended: unknown = 'not ended';
  const run = lookup({
    fetcher,
    keyOf: KEYS,
    apply: applyByNames({ name: 'ClientID', location: 'place.LocationID', tag: 'missing' }),
    withoutKey: 'pass',
    withoutData: 'pass',
    retry: { initialDelayMs: 1, maxDelayMs: 1, giveUpAfterMs: 0 },
    onRetry: () => {},
    ...options,
  });
  run(delivery).subscribe({
    next: (each) => emitted.push(each),
    error: (error) => {
      ended = error;
    },
    complete: () => {
      ended = 'completed';
    },
  });
  return { delivery, emitted, fetched: fetcher.fetched, ended };
}

/** Returns the data that one message finally got, or the error of its lookup. */
function lookUp(fetcher: Fetcher, apply: LookupOptions['apply']): Promise<unknown> {
  const delivery = testDelivery(testContext(), { attributes: { uid: 'd1' } });
  const retry = { initialDelayMs: 1, maxDelayMs: 1, giveUpAfterMs: 0 };
  const policies = { withoutKey: 'drop', withoutData: 'drop' } as const;
  const run = lookup({ fetcher, keyOf: KEYS, apply, ...policies, retry, onRetry: () => {} });
  return firstValueFrom(run(delivery)).then(
    ({ message }) => message.enrichmentData,
    (thrown: unknown) => thrown,
  );
}

const reasonOf = (thrown: unknown) => (thrown instanceof PoisonError ? thrown.reason : `no poison: ${thrown}`);

suite('lookup', ({ test }) => {
  test('adds data in memory synchronously, other data by the effect', () => {
    const peek = (key: string) => (key === 'd1' ? { ClientID: 'c1' } : undefined);
    const run = lookup({
      fetcher: { ...fakeFetcher(TABLE), peek },
      keyOf: KEYS,
      apply: applyByNames({ name: 'ClientID' }),
      withoutKey: 'drop',
      withoutData: 'drop',
      retry: { initialDelayMs: 1, maxDelayMs: 1, giveUpAfterMs: 0 },
      onRetry: () => {},
    });
    const of = (attributes: Record<string, string>) => testDelivery(testContext(), { attributes });
    assert.equal(run.trySync?.(of({ uid: 'd1' }))?.message.enrichmentData, { name: 'c1' });
    assert.is(run.trySync?.(of({ uid: 'd2' })), undefined);
    const keyless = of({});
    assert.is(run.trySync?.(keyless), undefined);
    assert.is(keyless.ackHandle.isOpen, true, "the policy is the effect's to apply");
  });

  test('adds data of the key by name, and keeps existing data', () => {
    const { emitted, ended, delivery, fetched } = look();
    assert.equal(emitted[0]?.message.enrichmentData, { kept: true, name: 'c1', location: 'hall' });
    assert.is(emitted[0]?.ackHandle, delivery.ackHandle);
    assert.equal([emitted.length, ended], [1, 'completed']);
    assert.equal(fetched, ['d1']);
  });

  test('without a key: pass, drop or dead-letter, without a fetch', () => {
    const passed = look({}, {});
    assert.is(passed.emitted[0], passed.delivery);
    const dropped = look({ withoutKey: 'drop' }, {});
    assert.equal([dropped.emitted, dropped.ended], [[], 'completed']);
    assert.equal(dropped.delivery.ackHandle.told, ['acknowledged']);
    assert.is(dropped.delivery.ackHandle.context.ledger.dropped, 1);
    const poisoned = look({ withoutKey: 'deadLetter' }, {});
    assert.is(reasonOf(poisoned.ended), 'no_key');
    assert.ok(poisoned.delivery.ackHandle.isOpen, 'the operator around it dead-letters it');
    for (const { fetched } of [passed, dropped, poisoned]) assert.equal(fetched, []);
  });

  test('without data: pass, drop or dead-letter', () => {
    const passed = look({}, { uid: 'unknown' });
    assert.is(passed.emitted[0], passed.delivery);
    const dropped = look({ withoutData: 'drop' }, { uid: 'unknown' });
    assert.equal(
      [dropped.emitted, dropped.ended, dropped.delivery.ackHandle.told],
      [[], 'completed', ['acknowledged']],
    );
    const poisoned = look({ withoutData: 'deadLetter' }, { uid: 'unknown' });
    assert.is(reasonOf(poisoned.ended), 'no_data');
    assert.match(String(poisoned.ended), '"unknown"');
  });

  test('the two policies are independent', () => {
    assert.is(look({ withoutData: 'drop' }, {}).emitted.length, 1);
    assert.is(look({ withoutKey: 'drop' }, { uid: 'unknown' }).emitted.length, 1);
  });

  test('reports and passes on an outage, which is not missing data', () => {
    const outage = new RetryableError('down');
    const { emitted, ended } = look({ withoutData: 'drop' }, undefined, () => throwError(() => outage));
    assert.equal([emitted, ended], [[], outage]);
  });

  test('an outage that ends in time has no effect', async () => {
    let tries = 0;
    const retried: string[] = [];
    const answer = () => {
      tries += 1;
      return tries < 3 ? throwError(() => new RetryableError('down')) : of({ ClientID: 'c' });
    };
    const retry = { initialDelayMs: 1, maxDelayMs: 1, giveUpAfterMs: 10_000 };
    const { emitted } = look({ retry, onRetry: ({ message }) => retried.push(message) }, undefined, answer);
    await eventually(() => assert.is(emitted.length, 1), { deadlineMs: 5_000, everyMs: 2 });
    assert.is(emitted[0]?.message.enrichmentData.name, 'c');
    assert.equal(retried, ['down', 'down']);
  });

  test('an error of a hook makes the message poison; an outage it reports stays one', () => {
    const throwing = (error: Error) => () => {
      throw error;
    };
    assert.is(reasonOf(look({ apply: throwing(new TypeError('x')) }).ended), 'hook_failed');
    const promised = (): unknown => Promise.resolve({ name: 'x' });
    assert.is(reasonOf(look({ apply: promised as () => LookupData }).ended), 'hook_failed', 'an async applier');
    const outage = new RetryableError('down');
    const { ended } = look({ apply: throwing(outage) });
    assert.ok(ended instanceof RetryableError && ended.cause === outage);
    const unwritable = (): never => {
      throw Object.create(null);
    };
    assert.is(reasonOf(look({ apply: unwritable }).ended), 'hook_failed');
  });

  test('a hook drops a message by returning drop, wherever the data comes from', () => {
    const { emitted, ended, delivery } = look({ apply: () => drop });
    assert.equal([emitted, ended, delivery.ackHandle.told], [[], 'completed', ['acknowledged']]);
    assert.is(delivery.ackHandle.context.ledger.dropped, 1);
    const fetcher = { ...fakeFetcher(TABLE), peek: () => ({ ClientID: 'c1' }) };
    assert.is(look({ apply: () => drop, fetcher }).delivery.ackHandle.context.ledger.dropped, 1);
  });

  test('a hook that modifies looked-up data fails only its message, without affecting later ones', async () => {
    const document = () => ({ name: 'pump', place: { floors: [{ room: 'hall' }] } });
    // A JavaScript hook has no types that prevent writes.
    const hooks: ((data: Partial<ReturnType<typeof document>>) => LookupData)[] = [
      (data) => {
        delete data.name;
        return data;
      },
      (data) => Object.assign(data, { name: 'other' }),
      (data) => {
        for (const floor of data.place?.floors ?? []) floor.room = 'cellar';
        return data;
      },
      (data) => {
        data.place?.floors.push({ room: 'roof' });
        return data;
      },
    ];
    const behind = fakeFetcher({}, () => of(document()).pipe(delay(1)));
    const caches: readonly Fetcher[] = [
      singleFlight(behind),
      memoryCache(behind, {
        ...{ maxEntries: 10, maxBytes: 1_000_000, ttlMs: 60_000, missingTtlMs: 1_000, onAnswer: () => {} },
        telemetry: new Telemetry('test', { level: 'silent', processMetrics: false }),
      }),
    ];
    for (const fetcher of caches) {
      for (const apply of hooks) {
        // Both concurrently, so that one fetch may serve them.
        const changing = lookUp(fetcher, apply as LookupOptions['apply']);
        const reading = lookUp(fetcher, (data) => data);
        assert.is(reasonOf(await changing), 'hook_failed', apply.toString());
        assert.equal(await reading, document());
        assert.equal(await lookUp(fetcher, (data) => data), document());
      }
    }
  });

  test('a key extractor may return a string, a number or nothing', () => {
    assert.equal(['d1', 7, null, '', undefined].map(keyResult), ['d1', '7', undefined, undefined, undefined]);
    for (const value of [{ id: 1 }, ['d1']]) {
      assert.throws(
        () => keyResult(value),
        (thrown: unknown) => reasonOf(thrown) === 'hook_failed',
      );
    }
  });

  test('a missing answer leaves the delivery open', () => {
    const { emitted, ended, delivery } = look({}, undefined, () => NEVER);
    assert.equal([emitted, ended, delivery.ackHandle.isOpen], [[], 'not ended', true]);
  });
});

suite('lookup keys and orders', ({ test }) => {
  test('uses the first path with a key', () => {
    const keyOf = (enrichmentData: Record<string, unknown>, uid?: string) =>
      KEYS(testMessage({ enrichmentData, attributes: uid === undefined ? {} : { uid } }));
    assert.is(keyOf({ DeviceID: 'd' }, 'u'), 'd');
    assert.is(keyOf({ DeviceID: '' }, 'u'), 'u');
    assert.is(keyOf({ DeviceID: { a: 1 } }, 'u'), 'u');
    assert.is(keyOf({ DeviceID: 0 }), '0');
    assert.is(keyOf({}), undefined);
  });

  test('orders by the future ordering key, else the original one, else the lookup key', () => {
    const context = testContext();
    const came = testDelivery(context, { attributes: { uid: 'u', site: 's' } }, 'came');
    const bare = testDelivery(context, { attributes: { uid: 'u', site: 's' } });
    assert.is(orderBy('attributes.site', KEYS)(came), 's');
    assert.is(orderBy('attributes.missing', KEYS)(came), 'came');
    assert.is(orderBy(undefined, KEYS)(came), 'came');
    assert.is(orderBy(undefined, KEYS)(bare), 'u');
    assert.is(orderBy(undefined, () => undefined)(bare), undefined);
  });

  test('publishes under the configured key, else the original one', () => {
    const delivery = testDelivery(testContext(), { attributes: { site: 's' } }, 'came');
    const key = (path?: string) => toPublishTarget('out', path)(delivery).message.orderingKey;
    assert.equal([key('attributes.site'), key(), key('attributes.missing')], ['s', 'came', '']);
    const { topicId, message } = toPublishTarget('out', undefined)(delivery);
    assert.is(topicId, 'out');
    assert.is(message.attributes, delivery.message.attributes);
    assert.is(JSON.parse(written(message.data).toString()).id, 'm1');
  });
});

suite('applyByNames', ({ test }) => {
  const message = testMessage();

  test('reaches fields with dots in their names', () => {
    const apply = applyByNames({ dotted: '["a.b"]', deep: 'a["b.c"].d', plain: 'a.b' });
    assert.equal(apply({ 'a.b': 1, a: { 'b.c': { d: 2 }, b: 3 } }), { dotted: 1, deep: 2, plain: 3 });
  });

  test('adds members of any name', () => {
    const names = Object.fromEntries(['__proto__', 'constructor', 'prototype'].map((name) => [name, 'ClientID']));
    const added = applyByNames(names)({ ClientID: 'c1' });
    assert.is(JSON.stringify(added), '{"__proto__":"c1","constructor":"c1","prototype":"c1"}');
    assert.match(encodeEnvelope(enriched(message, added)).toString(), '"__proto__":"c1"');
  });
});
