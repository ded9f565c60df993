import * as assert from 'uvu/assert';
import * as v from 'valibot';
import type { ConfigIssue } from '../../config/config-error.ts';
import { parse } from '../../config/parse.ts';
import { checkLimits } from '../../connectors/pubsub/limits.ts';
import { EncodedAttributes } from '../../connectors/pubsub/wire/protobuf.ts';
import { PoisonError } from '../../core/errors.ts';
import { drop } from '../../core/hook-result.ts';
import type { Attributes, EnrichmentData } from '../../core/message.ts';
import { encodeEnvelope } from '../../formats/envelope/envelope.ts';
import { suite } from '../../testing/suite.ts';
import { testContext, testDelivery, testMessage } from '../../testing/test-context.ts';
import { written } from '../../testing/written.ts';
import { identifyBy } from './ingestion.ts';
import { toPublishTarget } from './publish-target.ts';
import { enrichBy, RoutedMessage, RouteTable, routeBy, routeOrDrop } from './route-table.ts';
import { type RoutingConfig, routingEntries, routingProblems, type SharingConfig } from './routing.ts';

type RouteFields = { readonly topic: string; readonly to?: string; readonly device?: Record<string, unknown> };

/** Routes as written in a pipeline file; every producer publishes to `topic-of-<name>`. */
function routing(routes: Record<string, RouteFields>, producers: Record<string, object> = { raw: {} }): unknown {
  return {
    routes: Object.fromEntries(
      Object.entries(routes).map(([name, { topic, to = 'raw', device }]) => [
        name,
        { source: { mqtt_topic: topic, qos: 1 }, destination: { route_name: to }, ...(device && { device }) },
      ]),
    ),
    producers: Object.fromEntries(
      Object.entries(producers).map(([name, more]) => [name, { outputTopicId: `topic-of-${name}`, ...more }]),
    ),
  };
}

const parsed = (value: unknown): RoutingConfig => v.parse(v.strictObject(routingEntries), value);
const table = (...parts: Parameters<typeof routing>) => new RouteTable(parsed(routing(...parts)));

function problems(...parts: Parameters<typeof routing>): string[] {
  return routingProblems(parsed(routing(...parts))).map(({ path, problem }) => `${path.join('.')}: ${problem}`);
}

/** Returns the schema's problems with one route. */
function issues(route: RouteFields): string[] {
  const found: ConfigIssue[] = [];
  parse(v.strictObject(routingEntries), routing({ r: route }), found);
  return found.map(({ path, problem }) => `${path}: ${problem}`);
}

suite('routing problems', ({ test }) => {
  test('do not exist for routes with destinations that do not overlap', () => {
    assert.equal(problems({ a: { topic: 'a/+' }, b: { topic: 'b/#', to: 'other' } }, { raw: {}, other: {} }), []);
  });

  test('include having no route', () => {
    assert.equal(problems({}, {}), ['routes: expected at least one route']);
  });

  test('include a route without a producer, and a producer without a route', () => {
    assert.equal(problems({ a: { topic: 'a', to: 'rwa' } }), [
      'routes.a.destination.route_name: there is no producer "rwa" under producers (there is: raw)',
      'producers.raw: no route leads to this producer',
    ]);
    assert.match(problems({ a: { topic: 'a', to: 'toString' } })[0] ?? '', 'no producer "toString"');
    assert.match(problems({ a: { topic: 'a' } }, {})[0] ?? '', '(there is: none)');
  });

  test('include a route covered by an earlier one; other filters may overlap', () => {
    assert.equal(problems({ a: { topic: 'tele/+/SENSOR' }, b: { topic: 'tele/#' } }), []);
    assert.equal(problems({ a: { topic: '+/events/rpc' }, b: { topic: 'tele/+/+' } }), []);
    assert.equal(problems({ a: { topic: 'tele/#' }, b: { topic: 'tele/+/SENSOR' } }), [
      'routes.b.source.mqtt_topic: "tele/+/SENSOR" overlaps "tele/#" of the route "a", which comes first and takes all of its messages: put the narrower route first',
    ]);
    assert.match(problems({ a: { topic: 'a' }, b: { topic: 'a', device: { level: 1 } } }).join(), 'remove one of them');
  });

  test('include overlapping filters that would double a message', () => {
    const overlapping = (a: string, b: string, sharing: SharingConfig) => {
      const two = routing({ a: { topic: a }, b: { topic: b, to: 'other' } }, { raw: {}, other: {} });
      return routingProblems(parsed(two), sharing)
        .map(({ problem }) => problem)
        .join();
    };
    const doubled = 'a message of both would be doubled';
    assert.match(overlapping('+/b', 'a/+', { shareGroup: 'g' }), doubled);
    assert.is(overlapping('a/b', 'a/+', { shareGroup: 'g' }), '');
    assert.match(overlapping('$share/g/a/b', 'a/+', {}), doubled);
    assert.match(overlapping('$share/g/a/b', '$share/h/a/+', {}), doubled);
    assert.is(overlapping('$share/g/a/b', '$share/g/a/+', {}), '');
    assert.match(overlapping('a/b', 'a/+', { connectionPerProducer: true }), doubled);
  });

  test('explain why a filter or device topic is invalid', () => {
    assert.match(issues({ topic: 'a/#/b' }).join(), 'routes.r.source.mqtt_topic: "#" must be alone');
    const of = (device: string) => issues({ topic: '#', device: { topic: device } }).join();
    assert.is(of('a/{DeviceID}/#'), '');
    assert.match(of('a/d-{DeviceID}'), 'routes.r.device.topic: "d-{DeviceID}" is not a name: expected a whole level');
    assert.match(of('a/{}'), '"{}" is not a name');
    assert.match(of('a/{{x}}'), '"{{x}}" is not a name');
    assert.match(of('a/{id}/{id}'), '{id} twice');
    assert.match(of('#/{id}'), '"#" must be alone in the last level');
    assert.match(of('{id}/a+'), '"+" must be alone in its level');
    assert.match(issues({ topic: 'a', device: { level: 1, topic: '{id}' } }).join(), 'expected either level or topic');
    assert.match(issues({ topic: 'a', device: {} }).join(), 'expected either level or topic');
  });

  test('include a device topic without names, unless it equals the filter', () => {
    const of = (topic: string, device: string) => problems({ r: { topic, device: { topic: device } } }).join();
    assert.match(of('a/#', 'a/+'), 'routes.r.device.topic: "a/+" contains no name, and differs from the filter "a/#"');
    for (const filter of ['a/+', '#', 'a', '$share/group/a/+']) assert.is(of(filter, filter), '');
    const deviceOf = (filter: string, topic: string) =>
      table({ r: { topic: filter, device: { topic: filter } } }).routeOf(topic)?.device;
    assert.equal(deviceOf('a/+/+', 'a/d1/x'), { DeviceID: 'd1' });
    assert.equal(deviceOf('#', 'a/d1/x'), {});
  });

  test('treat identical routes as one', () => {
    const same = { topic: 'a/+', device: { topic: 'a/+' } };
    assert.equal(problems({ a: same, b: same, c: same }), []);
    const { subscriptions, subscriptionsOf, ...rest } = table({ a: same, b: same });
    assert.equal(subscriptions, [{ filter: 'a/+', qos: 1 }]);
    assert.equal(table({ a: same, b: same }).subscriptionsOf('raw'), subscriptions);
    assert.is(rest.routeOf('a/d1')?.name, 'a');
    assert.match(problems({ a: same, b: { ...same, device: { topic: 'a/{id}' } } }).join(), 'remove one of them');
  });

  test('include a device pattern, naming its replacement', () => {
    assert.equal(issues({ topic: 'a', device: { pattern: '^(?<DeviceID>.*)$' } }), [
      'routes.r.device.pattern: there is no such setting: it is now device.topic, the topic with names instead of levels, such as sites/{location}/devices/{DeviceID}/readings',
    ]);
  });

  test('include a device topic that no topic of the filter fits', () => {
    const mismatch = (topic: string, device: string) => problems({ r: { topic, device: { topic: device } } }).join();
    for (const [filter, device] of [
      ['s/+/devices/+', 's/{location}/devices/{DeviceID}'],
      ['s/+/+/+', 's/{location}/devices/{DeviceID}'],
      ['s/d1', '{site}/{DeviceID}'],
      ['$share/group/s/+', 's/{DeviceID}'],
      ['$SYS/+', '$SYS/{DeviceID}'],
      ['s/+/devices/+', 's/{location}/#'],
      ['s/#', 's/{location}/devices/{DeviceID}'],
      ['s/#', 's/{DeviceID}/#'],
      ['#', 's/{DeviceID}'],
      ['s/t/#', 's/{DeviceID}/x'],
    ] as const) {
      assert.is(mismatch(filter, device), '', `${device} for ${filter}`);
    }
    assert.is(
      mismatch('s/+/devices/+', 's/{location}/device/{DeviceID}'),
      'routes.r.device.topic: level 3 of "s/{location}/device/{DeviceID}" is "device", but "devices" in the filter "s/+/devices/+": make them equal',
    );
    assert.match(
      mismatch('s/+/x', 's/{DeviceID}'),
      'has 2 levels, but the filter "s/+/x" has 3: make them equal, or end',
    );
    assert.match(mismatch('s/+', 's/{DeviceID}/x'), 'has 3 levels, but the filter "s/+" has 2');
    assert.match(mismatch('s/+', 's/{DeviceID}/x/#'), 'has 4 levels, but the filter "s/+" has 2');
    assert.match(mismatch('s/t/u/#', 's/{DeviceID}'), 'has 2 levels');
  });
});

suite('route table', ({ test }) => {
  test('finds the route of a topic repeatedly', () => {
    const routes = table({ a: { topic: 'a/+' }, b: { topic: 'b/#', to: 'other' } }, { raw: {}, other: {} });
    for (let each = 0; each < 2; each += 1) {
      const { standardJsonHead, ...a } = routes.routeOf('a/d1') ?? {};
      const attributes = { mqtt_topic: 'a/d1', route_name: 'raw' };
      assert.equal(a, { name: 'a', routeName: 'raw', attributes, device: { DeviceID: 'd1' }, limits: undefined });
      assert.is(standardJsonHead, '{"DeviceID":"d1","Topic":"a/d1","Timestamp":"');
      const { name, routeName, device } = routes.routeOf('b/x/y') ?? {};
      assert.equal({ name, routeName, device }, { name: 'b', routeName: 'other', device: {} });
      assert.is(routes.routeOf('c'), undefined);
    }
  });

  test('uses the first matching route, and does not subscribe filters covered by others', () => {
    const routes = new RouteTable(
      parsed({
        routes: {
          sensor: { source: { mqtt_topic: 'tele/+/SENSOR', qos: 1 }, destination: { route_name: 'raw' } },
          rest: { source: { mqtt_topic: 'tele/#', qos: 0 }, destination: { route_name: 'raw' } },
          rpc: { source: { mqtt_topic: '+/events/rpc', qos: 1 }, destination: { route_name: 'raw' } },
        },
        producers: { raw: { outputTopicId: 'raw' } },
      }),
    );
    const expected = [
      { filter: 'tele/#', qos: 1 },
      { filter: '+/events/rpc', qos: 1 },
    ];
    assert.equal(routes.subscriptions, expected);
    assert.equal(routes.subscriptionsOf('raw'), expected);
    assert.is(routes.routeOf('tele/p1/SENSOR')?.name, 'sensor');
    assert.is(routes.routeOf('tele/p1/STATE')?.name, 'rest');
    assert.is(routes.routeOf('tele/events/rpc')?.name, 'rest');
    assert.is(routes.routeOf('x/events/rpc')?.name, 'rpc');
  });

  test('caches the result for a topic, unless the topic is too long', () => {
    const routes = table({ a: { topic: 'a/+' } });
    assert.is(routes.routeOf('a/d1'), routes.routeOf('a/d1'));
    const long = `a/${'d'.repeat(60_000)}`;
    assert.is.not(routes.routeOf(long), routes.routeOf(long));
    assert.equal(routes.routeOf(long)?.device, { DeviceID: long.slice(2) });
  });

  test('reads the device from the first +, a level, or a device topic', () => {
    const device = (topic: string, route: RouteFields) => table({ r: route }).routeOf(topic)?.device;
    assert.equal(device('s/n/d1/x', { topic: 's/+/+/x' }), { DeviceID: 'n' });
    assert.equal(device('s/n/d1/x', { topic: 's/+/+/x', device: { level: 3 } }), { DeviceID: 'd1' });
    assert.equal(device('s/n', { topic: 's/#', device: { level: 3 } }), {});
    assert.equal(device('s/n', { topic: 's/n' }), {});
    assert.equal(device('s/', { topic: 's/+' }), {});
    assert.equal(device('s/d1', { topic: '$share/group/s/+' }), { DeviceID: 'd1' });
    const ofSites = { topic: '#', device: { topic: 's/{location}/{DeviceID}' } };
    assert.equal(device('s/n/d1', ofSites), { location: 'n', DeviceID: 'd1' });
    for (const other of ['s/n', 's/n/d1/x', 't/n/d1', 's//d1', 's/n/', '', '/'])
      assert.equal(device(other, ofSites), {});
    const open = { topic: 's/#', device: { topic: 's/+/{DeviceID}/#' } };
    for (const topic of ['s/n/d1', 's/n/d1/x/y', 's//d1/']) assert.equal(device(topic, open), { DeviceID: 'd1' });
    for (const topic of ['s', 's/n', 's/n/']) assert.equal(device(topic, open), {});
    const named = device('x/y', { topic: '#', device: { topic: '{__proto__}/{constructor}' } });
    assert.is(JSON.stringify(named), '{"__proto__":"x","constructor":"y"}');
  });

  test("finds the device in time linear in the topic's length", () => {
    const routes = table({ r: { topic: '#', device: { topic: '{a}/+/{b}/+/{c}/x' } } });
    const started = performance.now();
    for (const level of ['a', 'ab', '{a}', '']) assert.equal(routes.routeOf(`${level}/`.repeat(30_000))?.device, {});
    assert.equal(routes.routeOf(`1/2/3/4/${'5'.repeat(65_000)}/x`)?.device.c, '5'.repeat(65_000));
    assert.ok(performance.now() - started < 5_000);
  });

  test('returns its subscriptions and topics', () => {
    const routes = table(
      { a: { topic: 'a' }, b: { topic: 'b', to: 'b' } },
      {
        raw: {},
        b: { outputTopicId: 'topic-of-raw', orderingKey: 'payload.id' },
      },
    );
    assert.equal(routes.subscriptions, [
      { filter: 'a', qos: 1 },
      { filter: 'b', qos: 1 },
    ]);
    assert.equal(routes.topicIds, ['topic-of-raw']);
    assert.is(routes.producerOf('raw')?.orderingKey, undefined);
    assert.type(routes.producerOf('b')?.orderingKey?.keyOf, 'function');
    assert.is(routes.producerOf('toString'), undefined);
  });
});

function decoded(attributes: Attributes | EncodedAttributes): Attributes {
  return attributes instanceof EncodedAttributes ? attributes.decode() : attributes;
}

suite('a message on its route', ({ test }) => {
  const routes = table({ a: { topic: 'a/+' } }, { raw: { orderingKey: 'enrichmentData.DeviceID' } });
  const message = testMessage({ attributes: { mqtt_topic: 'a/d1' }, payload: '{"n":7,"deep":{"id":"p1"}}' });

  test("gets its route name and the topic's data; without a route it is poison", () => {
    const routed = routeBy(() => routes)(message);
    assert.equal(routed.attributes, { mqtt_topic: 'a/d1', route_name: 'raw' });
    assert.equal(routed.enrichmentData, { DeviceID: 'd1', Topic: 'a/d1', Timestamp: message.publishTime });
    for (const lost of [testMessage({ attributes: { mqtt_topic: 'b' } }), testMessage()]) {
      assert.throws(
        () => routeBy(() => routes)(lost),
        (thrown: unknown) => thrown instanceof PoisonError && thrown.reason === 'unroutable',
      );
    }
  });

  test('without a route is dropped, if configured', () => {
    const route = routeOrDrop(() => routes);
    assert.is(route(testMessage({ attributes: { mqtt_topic: 'b' } })), drop);
    assert.instance(route(message), RoutedMessage);
  });

  test('has the same envelope, whether or not its enrichment data was read', () => {
    const patterned = table({
      a: { topic: 'a/+', device: { topic: '{Topic}/{Timestamp}' } },
      b: { topic: 'b/+' },
      c: { topic: 'c' },
    });
    for (const topic of ['a/d1', 'b/a "quoted" \\ ü device', 'c']) {
      const each = testMessage({ attributes: { mqtt_topic: topic } });
      const [asked, unasked] = [routeBy(() => patterned)(each), routeBy(() => patterned)(each)];
      assert.is(asked.enrichmentData.Topic, topic);
      const expected = { ...asked.enrichmentData, Topic: topic, Timestamp: each.publishTime };
      assert.equal(asked.enrichmentData, expected);
      assert.equal(JSON.parse(encodeEnvelope(asked).toString()).enrichmentData, expected);
      assert.equal(JSON.parse(encodeEnvelope(unasked).toString()).enrichmentData, expected);
    }
  });

  const delivered = () => testDelivery(testContext(), message).with(routeBy(() => routes)(message));

  test("fails alone if its enricher modifies the topic's data", () => {
    const renaming = enrichBy((_, device) => Object.assign(device, { DeviceID: 'other' }));
    assert.throws(() => renaming.call(delivered()), TypeError);
    assert.is(routeBy(() => routes)(message).enrichmentData.DeviceID, 'd1');
  });

  test("has another enricher's data instead of the standard data", () => {
    const saying = (data: EnrichmentData) => enrichBy(() => data).accept(delivered(), data).message;
    const routed = saying({ DeviceID: 'd1', Site: 'north' });
    assert.equal(routed.enrichmentData, { DeviceID: 'd1', Site: 'north' });
    assert.equal(JSON.parse(encodeEnvelope(routed).toString()).enrichmentData, routed.enrichmentData);
    assert.is(JSON.parse(encodeEnvelope(saying({})).toString()).enrichmentData, undefined);
    assert.equal(enrichBy((_, device) => device).call(delivered()), { DeviceID: 'd1' });
  });

  test('is identified by its payload, if configured', () => {
    assert.is(identifyBy('payload.deep.id')(message).id, 'p1');
    assert.is(identifyBy('payload.n')(message).id, '7');
    assert.is(identifyBy('payload.missing')(message), message);
    assert.is(identifyBy('payload.deep')(message), message);
    assert.is(identifyBy(undefined)(message), message);
  });

  test('has the attributes of its topic, encoded once, and its own, if any', () => {
    const routed = (attributes: Attributes) => routeBy(() => routes)(testMessage({ attributes }));
    const outgoing = (attributes: Attributes) =>
      toPublishTarget(() => routes)(testDelivery(testContext()).with(routed(attributes))).message.attributes;
    const shared = outgoing({ mqtt_topic: 'a/d1' });
    assert.instance(shared, EncodedAttributes);
    assert.is(outgoing({ mqtt_topic: 'a/d1' }), shared);
    const own = outgoing({ mqtt_topic: 'a/d1', type: 'reading', route_name: 'forged' });
    assert.equal(decoded(own), { mqtt_topic: 'a/d1', type: 'reading', route_name: 'raw' });
    assert.is(outgoing({ mqtt_topic: 'a/d1' }), shared);
    const enriched = enrichBy(() => ({})).accept(
      testDelivery(testContext()).with(routed({ mqtt_topic: 'a/d1', type: 'reading' })),
      {},
    );
    assert.is(enriched.message.attributes.type, 'reading');
  });

  test('is poison if its topic is too long for an attribute', () => {
    const ofTopic = (topic: string) => {
      const routed = routeBy(() => routes)(testMessage({ attributes: { mqtt_topic: topic } }));
      return toPublishTarget(() => routes)(testDelivery(testContext()).with(routed)).message;
    };
    const longest = `a/${'d'.repeat(1_022)}`;
    checkLimits(ofTopic(longest));
    assert.is(decoded(ofTopic(longest).attributes).mqtt_topic, longest);
    assert.throws(
      () => checkLimits(ofTopic(`${longest}d`)),
      (thrown: unknown) => thrown instanceof PoisonError && thrown.reason === 'rejected',
    );
  });

  test('goes to the topic of its producer, under its ordering key; without a producer it is poison', () => {
    const context = testContext();
    const routed = routeBy(() => routes)(message);
    const { topicId, message: outgoing } = toPublishTarget(() => routes)(testDelivery(context).with(routed));
    assert.equal([topicId, outgoing.orderingKey], ['topic-of-raw', 'd1']);
    assert.equal(decoded(outgoing.attributes), routed.attributes);
    assert.is(JSON.parse(written(outgoing.data).toString()).id, 'm1');
    const removed = table({ a: { topic: 'a/+', to: 'new' } }, { new: {} });
    assert.throws(
      () => toPublishTarget(() => removed)(testDelivery(context).with(routed)),
      (thrown: unknown) => thrown instanceof PoisonError && thrown.reason === 'unroutable',
    );
  });
});

suite('names of routes and producers', ({ test }) => {
  test('may equal names that every object has', () => {
    const names = ['prototype', 'constructor', '__proto__', 'toString'];
    const routes = Object.fromEntries(names.map((name) => [name, { topic: `${name}/+`, to: name }]));
    const producers = Object.fromEntries(names.map((name) => [name, {}]));
    assert.equal(problems(routes, producers), []);
    const compiled = table(routes, producers);
    assert.equal(
      compiled.subscriptions.map(({ filter }) => filter),
      names.map((name) => `${name}/+`),
    );
    for (const name of names) {
      assert.is(compiled.routeOf(`${name}/d1`)?.name, name);
      assert.is(compiled.producerOf(name)?.topicId, `topic-of-${name}`);
    }
    assert.is(compiled.producerOf('orderOf'), undefined);
  });
});
