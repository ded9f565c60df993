import { copyFileSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { parse, stringify } from 'yaml';
import { decodeEnvelope } from '../../src/formats/envelope/envelope.ts';
import type { Reading } from '../../src/tools/load/fleet.ts';
import { flow } from './harness/define-flow.ts';
import { assertInOrder } from './harness/order.ts';
import { PIPELINES } from './harness/run-scope.ts';
import { watchTopic } from './harness/sinks.ts';

const READINGS = 3_000;

/** As other kinds of messages of the same device: `events` and `alarms` are topics next to `readings`. */
function* asKind(readings: Iterable<Reading>, kind: string): Generator<Reading> {
  for (const reading of readings) {
    const id = `${kind}-${reading.id}`;
    const payload: Record<string, unknown> = JSON.parse(reading.payload.toString('utf8'));
    yield {
      ...reading,
      id,
      topic: reading.topic.replace(/readings$/, kind),
      payload: Buffer.from(JSON.stringify({ ...payload, message_id: id })),
    };
  }
}

/**
 * The routes file is edited while messages flow: one route is removed, one is added, and the remaining one loses
 * nothing.
 */
flow('reroute', { pipelines: ['ingestion'], watch: ({ topics }) => topics.raw, devices: 20 }, async (run) => {
  const { timing, fleet, scope } = run;
  const folder = mkdtempSync(join(tmpdir(), 'reroute-'));
  run.defer(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'pipeline.yaml');
  copyFileSync(join(PIPELINES, 'ingestion/pipeline.yaml'), file);

  const ids = new Map<string, number>();
  const watched = watchTopic(scope.names, scope.watched, ({ data }) => {
    const { id } = decodeEnvelope(data);
    ids.set(id, (ids.get(id) ?? 0) + 1);
    timing.arrived(id);
  });
  run.defer(watched.close);
  const ingestion = await run.start('ingestion', { path: file });
  run.places.add({ at: 'sink', name: 'in the topic', count: () => ids.size });
  const events = [...asKind(fleet.readings(200), 'events')];
  const alarms = [...asKind(fleet.readings(200), 'alarms')];
  timing.expected = READINGS + events.length + alarms.length;

  const arrivedOf = (kind: readonly Reading[]) => kind.filter(({ id }) => ids.has(id)).length;
  await run.load(events, 1_000);
  await run.until('the events are in the topic', () => assert.is(arrivedOf(events), events.length));
  const ofEvents = ingestion.ledger.received;

  const loaded = run.load(fleet.readings(READINGS), 500);
  await run.until('the load is under way', () => assert.ok(timing.published > events.length + READINGS / 4));
  const changes = () => ingestion.probes.routesChanged.count;
  assert.is(changes(), 0);
  const edited = parse(readFileSync(file, 'utf8'));
  edited.routes.alarms = JSON.parse(JSON.stringify(edited.routes.events).replaceAll('/events', '/alarms'));
  delete edited.routes.events;
  // Like an editor: writes another file, then renames it.
  writeFileSync(`${file}.new`, stringify(edited));
  renameSync(`${file}.new`, file);
  await run.until('the change has taken effect', () => assert.is(changes(), 1));
  assert.ok(timing.published < events.length + READINGS, 'the change came while messages flowed');
  await run.load(alarms, 1_000);
  await loaded;

  await timing.during('verification', async () => {
    await run.until('everything is in the topic', () => assert.is(ids.size, timing.expected));
    assert.is(arrivedOf(alarms), alarms.length, 'the new route');
    assert.is(ingestion.ledger.deadLettered, 0);
    assert.is(ingestion.ledger.received, ofEvents + READINGS + alarms.length, 'nothing came twice');
    const sequences = new Map<string, number[]>();
    for (const { data } of watched.messages) {
      const { id, payload } = decodeEnvelope(data);
      if (!id.startsWith(scope.names.runId)) continue;
      const reading: { device_id: string; sequence: number } = JSON.parse(Buffer.from(payload).toString('utf8'));
      sequences.set(reading.device_id, [...(sequences.get(reading.device_id) ?? []), reading.sequence]);
    }
    assertInOrder(sequences, READINGS, 'the route that stays');
    timing.verified = ids.size;
  });
});
