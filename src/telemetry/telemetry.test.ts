import { mock } from 'node:test';
import * as assert from 'uvu/assert';
import { eventually } from '../testing/eventually.ts';
import { suite } from '../testing/suite.ts';
import { EVENTS } from './events.ts';
import { CALL_SECONDS, settleSeconds, Telemetry } from './telemetry.ts';

type Line = Readonly<Record<string, unknown>>;

/** A service's telemetry, with its log lines in order. */
function telemetry(level = 'trace') {
  const lines: Line[] = [];
  const destination = { write: (text: string) => lines.push(JSON.parse(text)) };
  return {
    lines,
    telemetry: new Telemetry('svc', { level, destination, processMetrics: false, now: () => Date.now() }),
  };
}

suite('telemetry', ({ test, beforeEach, afterEach }) => {
  beforeEach(() => mock.timers.enable({ apis: ['Date'], now: 1_000_000 }));
  afterEach(() => mock.timers.reset());

  test('an event is one log line and one count', async () => {
    const { telemetry: told, lines } = telemetry();
    told.event('publish.retried', { topic: 't', attempt: 1 });
    told.event('service.ready');
    assert.is(lines.length, 2);
    const { event, topic, attempt, service, level, msg } = lines[0] ?? {};
    assert.equal([event, topic, attempt, service, level], ['publish.retried', 't', 1, 'svc', 40]);
    assert.is(msg, EVENTS['publish.retried'].message);
    const metrics = await told.registry.metrics();
    assert.match(metrics, 'dataflow_events_total{event="publish.retried",service="svc",pipeline="svc"} 1');
    assert.not.match(metrics, 'topic=', 'fields are not labels');
  });

  test('counts every event from 0, so that the first one is an increase', async () => {
    const metrics = await telemetry().telemetry.registry.metrics();
    for (const name of Object.keys(EVENTS))
      assert.match(metrics, `dataflow_events_total{event="${name}",service="svc",pipeline="svc"} 0`);
  });

  test('a pipeline is a label of every metric, and a field of every log line', async () => {
    const lines: string[] = [];
    const told = new Telemetry('svc', {
      level: 'info',
      pipeline: 'site-a',
      destination: { write: (line) => lines.push(line) },
    });
    told.event('service.ready');
    assert.match(lines.join(), '"service":"svc","pipeline":"site-a"');
    const samples = (await told.registry.metrics()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    assert.equal(
      samples.filter((line) => !/service="svc",pipeline="site-a"/.test(line)),
      [],
    );
  });

  test('a flood of one event is counted in full, and logged in part', async () => {
    const { telemetry: told, lines } = telemetry();
    for (let each = 0; each < 100; each += 1) told.event('publish.retried', { each });
    told.event('service.ready');
    assert.is(lines.filter(({ event }) => event === 'publish.retried').length, 20);
    assert.is(lines.at(-1)?.event, 'service.ready', 'other events are not suppressed with it');
    assert.match(await told.registry.metrics(), 'event="publish.retried",service="svc",pipeline="svc"} 100');
  });

  test('the first line of the next window reports how many were left out, once', () => {
    const { telemetry: told, lines } = telemetry();
    for (let each = 0; each < 25; each += 1) told.event('publish.retried');
    mock.timers.tick(10_000);
    told.event('publish.retried');
    assert.is(lines.length, 20, 'the window is not over yet');
    mock.timers.tick(1);
    told.event('publish.retried');
    told.event('publish.retried');
    assert.equal(
      lines.slice(20).map(({ suppressed }) => suppressed),
      [6, undefined],
    );
  });

  test('events below the level are counted but not logged', async () => {
    const { telemetry: told, lines } = telemetry('error');
    told.event('mqtt.paused');
    assert.equal(lines, []);
    assert.match(await told.registry.metrics(), 'event="mqtt.paused",service="svc",pipeline="svc"} 1');
  });

  test('passwords are not logged', () => {
    const { telemetry: told, lines } = telemetry();
    told.event('service.starting', { password: 'hidden', mqtt: { password: 'hidden', username: 'u' } });
    assert.not.match(JSON.stringify(lines), 'hidden');
    assert.match(JSON.stringify(lines), '"u"');
  });

  test('counters and gauges are read on each scrape', async () => {
    const { telemetry: told } = telemetry();
    const values = { a: 1, b: 2 };
    told.counter(
      'x_total',
      'X.',
      () => [
        [{ of: 'a' }, values.a],
        [{ of: 'b' }, values.b],
      ],
      ['of'],
    );
    told.gauge('y', 'Y.', () => [[{}, -values.a]], []);
    told.histogram('z_seconds', 'Z.', [1, 2])(1.5);
    values.a = 10;
    for (let scrape = 0; scrape < 2; scrape += 1) {
      const metrics = await told.registry.metrics();
      assert.match(
        metrics,
        'x_total{of="a",service="svc",pipeline="svc"} 10\nx_total{of="b",service="svc",pipeline="svc"} 2',
      );
      assert.match(metrics, 'y{service="svc",pipeline="svc"} -10');
      assert.match(metrics, 'z_seconds_bucket{le="2",service="svc",pipeline="svc"} 1');
    }
  });

  test('buckets extend beyond the time that messages are held on purpose', () => {
    assert.equal(settleSeconds(10), CALL_SECONDS);
    for (const maxWaitMs of [60_000, 61_000, 300_000, 86_400_000]) {
      const beyond = settleSeconds(maxWaitMs).filter((bound) => bound * 1_000 > maxWaitMs);
      assert.ok(beyond.length >= 2 && beyond.length <= 3, `${maxWaitMs}: ${beyond}`);
    }
    assert.equal(settleSeconds(60_000).slice(-3), [90, 120, 180]);
  });

  test('every event has a level and a message', () => {
    for (const [name, { level, message }] of Object.entries(EVENTS)) {
      assert.match(name, /^[a-z_]+\.[a-z_]+$/);
      assert.ok(['trace', 'debug', 'info', 'warn', 'error', 'fatal'].includes(level), name);
      assert.ok(message.length > 0, name);
    }
  });
});

suite('metrics of the process', ({ test }) => {
  test('do not wake an idle process a hundred times a second to sample its event loop', async () => {
    const { registry } = new Telemetry('svc', { level: 'silent' });
    await eventually(
      async () => {
        const [, min] = /^nodejs_eventloop_lag_min_seconds\{.*\} (\S+)$/m.exec(await registry.metrics()) ?? [];
        assert.ok(Number(min) > 0.04 && Number(min) < 60, `the shortest time between two samples is ${min} s`);
      },
      { everyMs: 200, deadlineMs: 10_000 },
    );
  });
});
