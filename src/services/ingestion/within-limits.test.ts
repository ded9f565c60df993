import { from } from 'rxjs';
import * as assert from 'uvu/assert';
import * as v from 'valibot';
import type { ConfigIssue } from '../../config/config-error.ts';
import { parse } from '../../config/parse.ts';
import type { Delivery } from '../../core/delivery.ts';
import { filterMessages } from '../../operators/filter-messages.ts';
import { suite } from '../../testing/suite.ts';
import { testContext, testDelivery, testMessage } from '../../testing/test-context.ts';
import { ingestionSchema } from './config.ts';
import { payloadLimitsSchema } from './payload-limits.ts';
import { RouteTable, withinLimits } from './route-table.ts';

const route = (filter: string, payload?: object) => ({
  source: { mqtt_topic: filter, qos: 1 },
  destination: { route_name: 'raw' },
  ...(payload && { payload }),
});

const ingestion = (payload: object, mqtt: object = {}) => ({
  service: 'ingestion',
  google: { projectId: 'p' },
  mqtt: { url: 'mqtt://broker', clientId: 'c', ...mqtt },
  routes: { limited: route('limited/+', payload), free: route('free/+') },
  producers: { raw: { outputTopicId: 'raw' } },
  deadLetters: { topicId: 'dead' },
});

/** Sends payloads of these sizes under `limited/` and `free/`, and returns the outcome of each. */
function fates(payload: object, sizes: readonly number[]) {
  const context = testContext();
  const table = new RouteTable(v.parse(ingestionSchema, ingestion(payload)));
  const passed: Delivery[] = [];
  const deliveries = ['limited/d1', 'free/d1', 'lost'].flatMap((mqtt_topic) =>
    sizes.map((size) => testDelivery(context, testMessage({ payload: 'x'.repeat(size), attributes: { mqtt_topic } }))),
  );
  from(deliveries)
    .pipe(filterMessages(withinLimits(() => table)))
    .subscribe((delivery) => passed.push(delivery));
  const passedOf = (topic: string) =>
    passed
      .filter(({ message }) => message.attributes.mqtt_topic === topic)
      .map(({ message }) => message.payload.byteLength);
  assert.equal([passedOf('free/d1'), passedOf('lost')], [sizes, sizes], 'other routes, and none, have no limits');
  return {
    passed: passedOf('limited/d1'),
    deadLetters: context.deadLettered.map(({ poison }) => `${poison.reason}: ${poison.message}`),
    dropped: context.ledger.dropped,
  };
}

function issuesOf(value: unknown): string[] {
  const issues: ConfigIssue[] = [];
  parse(ingestionSchema, value, issues);
  return issues.map(({ path, problem }) => `${path}: ${problem}`);
}

suite('payload limits of a route', ({ test }) => {
  test('include their bounds; other payloads go to dead-letter, with the limit', () => {
    assert.equal(fates({ minBytes: 2, maxBytes: 4 }, [0, 1, 2, 3, 4, 5]), {
      passed: [2, 3, 4],
      deadLetters: [
        'too_small: the payload has 0 bytes, outside routes.limited.payload.minBytes (2)',
        'too_small: the payload has 1 bytes, outside routes.limited.payload.minBytes (2)',
        'too_large: the payload has 5 bytes, outside routes.limited.payload.maxBytes (4)',
      ],
      dropped: 0,
    });
  });

  test('may have a single bound, and may drop other payloads', () => {
    assert.equal(fates({ minBytes: 1, outside: 'drop' }, [0, 1, 9]), { passed: [1, 9], deadLetters: [], dropped: 1 });
    assert.equal(fates({ maxBytes: 1, outside: 'drop' }, [0, 1, 9]), { passed: [0, 1], deadLetters: [], dropped: 1 });
    assert.equal(fates({}, [0, 9]).passed, [0, 9]);
  });

  test('are refused by path if they contradict each other or mqtt.maxPayloadBytes', () => {
    assert.equal(issuesOf(ingestion({ minBytes: 5, maxBytes: 4 })), [
      'routes.limited.payload: minBytes (5) is above maxBytes (4): no payload would be accepted',
    ]);
    assert.equal(issuesOf(ingestion({ maxBytes: 2_000 }, { maxPayloadBytes: 1_000 })), [
      'routes.limited.payload.maxBytes: 2000 is above mqtt.maxPayloadBytes (1000), beyond which payloads are truncated and dead-lettered: raise that limit, or lower this one',
    ]);
    assert.equal(issuesOf(ingestion({ minBytes: 2_000 }, { maxPayloadBytes: 1_000 })), [
      'routes.limited.payload.minBytes: 2000 is above mqtt.maxPayloadBytes (1000), beyond which payloads are truncated and dead-lettered: raise that limit, or lower this one',
    ]);
    assert.equal(issuesOf(ingestion({ maxBytes: 1_000 }, { maxPayloadBytes: 1_000 })), []);
    assert.match(issuesOf(ingestion({ minBytes: -1 })).join(), 'routes.limited.payload.minBytes: expected at least 0');
    assert.match(issuesOf(ingestion({ outside: 'pass' })).join(), 'expected "deadLetter" or "drop", got "pass"');
    assert.equal(v.parse(payloadLimitsSchema, { maxBytes: '7' }).maxBytes, 7);
  });
});
