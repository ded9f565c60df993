import * as assert from 'uvu/assert';
import { PoisonError } from '../core/errors.ts';
import { suite } from '../testing/suite.ts';
import type { GraphOutline } from './graph-outline.ts';
import { openServiceContext } from './service-context.ts';
import { ledgerReport, recentEvent, snapshots } from './snapshot.ts';

const CONFIG = {
  google: { projectId: 'p' },
  http: { host: '', port: 0, page: true },
  log: { level: 'silent' as const, format: 'json' as const },
  traces: { ratio: 0 },
  hooks: { concurrency: 1, timeoutMs: 1_000 },
  shutdown: { deadlineMs: 1_000 },
  readiness: { stalledAfterMs: 1_000 },
};

const OUTLINE: GraphOutline = {
  probes: ['received', 'enriched', 'settled'],
  operators: [[], ['decodeInput', 'orderedByKey'], ['publish', 'settle'], []],
};

function opened(outline: GraphOutline | undefined) {
  const context = openServiceContext(
    's',
    CONFIG,
    { maxInFlight: 10, maxInFlightBytes: 1_000 },
    {
      telemetry: { processMetrics: false },
    },
  );
  const own = {
    enriched: context.probe('enriched', 'messages'),
    stored: context.probe('stored', 'objects'),
    memoryHit: context.probe('memoryHit', 'elsewhere'),
  };
  const probes = { ...context.commonProbes(), ...own };
  const snapshot = snapshots(context, outline);
  return { context, probes, snapshot: () => snapshot('http://127.0.0.1:1') };
}

suite('snapshot of a service', ({ test }) => {
  const places: Readonly<Record<string, string>> = {
    mqtt: 'source',
    'mqtt.raw.subscriptions': 'source',
    'pubsub.stream': 'source',
    redis: 'between',
    'hooks.keyExtractor': 'between',
    'publish.enriched': 'sink',
    insert: 'sink',
    table: 'sink',
    dead_letters: 'dead letters',
    'dead_letter_publish.dead': 'dead letters',
  };
  for (const [part, place] of Object.entries(places)) {
    test(`shows a failing ${part} at the box: ${place}`, () => {
      const { context, snapshot } = opened(OUTLINE);
      context.readiness.set(part, 'failing', 'down');
      const { boxes, deadLetterBox } = snapshot();
      const red = [...boxes, deadLetterBox].filter(({ state }) => state === 'failing');
      assert.equal(
        red.map(({ role, problems }) => [role, problems]),
        [[place, [{ part, state: 'failing', detail: 'down' }]]],
      );
      context.readiness.set(part, 'ok');
      assert.ok(snapshot().boxes.every(({ state }) => state === 'ok'));
    });
  }

  test('shows a part of the whole service, or of a system that it does not know, in words alone', () => {
    const { context, snapshot } = opened(OUTLINE);
    context.readiness.set('progress', 'failing', 'stalled');
    context.readiness.set('geocoder', 'degraded', 'slow');
    const { boxes, report } = snapshot();
    assert.ok(boxes.every(({ state }) => state === 'ok'));
    assert.is(report.components.geocoder?.detail, 'slow');
  });

  test('shows a hook at the sink where nothing before it does more than decode', () => {
    const { context, snapshot } = opened({
      ...OUTLINE,
      operators: [[], ['decodeInput'], ['transform', 'insertRows', 'settle'], []],
    });
    context.readiness.set('hooks.transformer', 'degraded', 'slow');
    assert.equal(
      snapshot().boxes.map(({ title, state }) => [title, state]),
      [
        ['source', 'ok'],
        ['enriched', 'ok'],
        ['insert rows', 'degraded'],
        ['settled', 'ok'],
      ],
    );
  });

  test('draws the probes of the declaration where the code cannot be read', () => {
    const { probes, snapshot } = opened(undefined);
    probes.memoryHit.hit('k');
    const { edges, inSink, beside, boxes } = snapshot();
    assert.equal(
      edges.map(({ probe }) => probe),
      ['received', 'enriched', 'settled'],
    );
    assert.equal(
      inSink.map(({ probe }) => probe),
      ['stored', 'flushed'],
    );
    assert.equal(beside, [{ probe: 'memoryHit', counted: 'elsewhere', count: 1 }]);
    assert.is(boxes.length, edges.length + 1);
  });

  test('sets what is used against its bound', () => {
    const { context, snapshot } = opened(OUTLINE);
    context.credit.tryTake(100);
    context.openCredit().tryTake(7);
    assert.equal(snapshot().bounds.slice(0, 2), [
      { name: 'in flight', unit: 'messages', used: 2, limit: 20, peak: 2 },
      { name: 'in flight', unit: 'bytes', used: 107, limit: 2_000 },
    ]);
  });

  test('keeps the latest events and dead letters, and reports the books', () => {
    const { context, probes } = opened(OUTLINE);
    context.telemetry.event('upload.retried', { error: 'x'.repeat(1_000), again: 2 });
    const [event] = context.telemetry.recent.since().map(recentEvent);
    assert.is(event?.level, 'warn');
    assert.match(event?.fields ?? '', /^error=x{300}… again=2$/);
    for (let count = 0; count < 30; count += 1) {
      const poison = new PoisonError('rejected', `number ${count}`);
      probes.deadLettered.hit({ poison, attributes: { dlq_time: 't', dlq_source: 's' }, data: Buffer.from('{}') });
    }
    const kept = context.recentDeadLetters.since();
    assert.is(kept.length, 20);
    assert.equal(kept.at(-1), {
      ...{ time: 't', reason: 'rejected', error: 'number 29', source: 's', bytes: 2, preview: '{}' },
    });
    const report = ledgerReport(context, new Date(0));
    assert.is(report.startedAt, '1970-01-01T00:00:00.000Z');
    assert.ok(report.ledger.balanced);
  });
});
