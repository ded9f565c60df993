import * as assert from 'uvu/assert';
import type { LedgerReport } from '../../http/snapshot.ts';
import { suite } from '../../testing/suite.ts';
import { ledgerPage } from './ledger-page.ts';
import { platformLedger } from './platform-ledger.ts';

const RAW = 'projects/p/topics/raw';
const ENRICHED = 'projects/p/topics/enriched';

interface Fields {
  readonly inputTopic?: string;
  readonly outputs?: readonly string[];
  readonly ledger: Partial<LedgerReport['ledger']> & { readonly received: number; readonly acked: number };
  readonly startedAt?: string;
  readonly minutes?: Readonly<Record<string, number>>;
}

function report(
  service: string,
  { inputTopic, outputs = [], ledger, startedAt = '2026-11-29T12:00:10Z', minutes = {} }: Fields,
): LedgerReport {
  return {
    ...{ service, pipeline: service, startedAt, now: '2026-11-29T12:05:30Z', wiring: { inputTopic, outputs } },
    ledger: {
      ...{ nacked: 0, deadLettered: 0, dropped: 0, expired: 0, inFlight: 0, settledTwice: 0, settledLate: 0 },
      ...{ balanced: true, ...ledger },
    },
    minutes: Object.entries(minutes).map(([minute, acked]) => ({
      ...{ minute: `2026-11-29T12:${minute}`, acked, deadLettered: 0, dropped: 0 },
    })),
  };
}

suite('platform ledger', ({ test }) => {
  test('follows the topics, counts first deliveries, and finds where a difference is', () => {
    const found = platformLedger([
      report('bigqueries', { inputTopic: ENRICHED, ledger: { received: 90, acked: 90 }, minutes: { '04': 90 } }),
      report('icestore', { inputTopic: RAW, ledger: { received: 100, acked: 100 }, minutes: { '04': 100 } }),
      report('enrich', {
        ...{ inputTopic: RAW, outputs: [ENRICHED], minutes: { '04': 97 } },
        ledger: { received: 105, acked: 97, nacked: 5, deadLettered: 2, inFlight: 1 },
      }),
      report('ingestion', { outputs: [RAW], ledger: { received: 100, acked: 100 }, minutes: { '04': 100 } }),
    ]);
    assert.equal(
      found.pipelines.map(({ pipeline, firstDeliveries }) => [pipeline, firstDeliveries]),
      [
        ['ingestion', 100],
        ['icestore', 100],
        ['enrich', 100],
        ['bigqueries', 90],
      ],
    );
    assert.equal(
      found.links.map(({ from, to, topic, difference }) => [...from, to, topic, difference]),
      [
        ['ingestion', 'icestore', 'raw', 0],
        ['ingestion', 'enrich', 'raw', 0],
        ['enrich', 'bigqueries', 'enriched', 7],
      ],
    );
    assert.is(found.sharedFrom, '2026-11-29T12:01');
    assert.equal(found.minutes, [
      {
        ...{ minute: '2026-11-29T12:04', isOver: true, isShared: true, published: 100, deadLettered: 0, dropped: 0 },
        acked: { ingestion: 100, icestore: 100, enrich: 97, bigqueries: 90 },
        largest: { difference: 7, at: 'enrich → bigqueries' },
      },
    ]);
    const page = ledgerPage(found, 10);
    assert.match(page, /7 written to enriched but not received by bigqueries: they wait in its subscription/);
    assert.match(page, /2026-11-29T12:04Z +100 +100 +100 +97 +90 +0 +0 +7 {2}enrich → bigqueries/);
    assert.match(page, 'This is an estimate');
  });

  test('adds up replicas; marks minutes that one has not seen whole, or that go on', () => {
    const found = platformLedger([
      report('ingestion', { outputs: [RAW], ledger: { received: 60, acked: 60 }, minutes: { '01': 20, '05': 40 } }),
      report('ingestion', { outputs: [RAW], ledger: { received: 40, acked: 40 }, minutes: { '01': 40 } }),
      report('icestore', {
        ...{ inputTopic: RAW, startedAt: '2026-11-29T12:02:00.000Z', ledger: { received: 101, acked: 101 } },
        minutes: { '05': 40, '01': 61 },
      }),
    ]);
    assert.is(found.pipelines[0]?.replicas, 2);
    assert.equal(
      found.minutes.map(({ minute, isShared, isOver, largest }) => [minute, isShared, isOver, largest?.difference]),
      [
        ['2026-11-29T12:01', false, true, -1],
        ['2026-11-29T12:05', true, false, undefined],
      ],
    );
    assert.match(ledgerPage(found, 10), /1 more received by icestore than written: duplicates/);
  });
});
