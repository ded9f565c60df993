import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import * as assert from 'uvu/assert';
import { createPubSubClients } from '../../src/connectors/pubsub/client.ts';
import { createStorageClient } from '../../src/connectors/storage/client.ts';
import { runCli } from '../../src/testing/cli.ts';
import { SERVICES } from '../../src/testing/test-run.ts';
import { flow } from './harness/define-flow.ts';
import { readArchive, readRows, watchTopic } from './harness/sinks.ts';

/** A message of another program, and its expected results as text. */
interface Fixture {
  readonly name: string;
  readonly data: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly orderingKey: string;
  /** The line in the archive; `…` replaces the time of writing. */
  readonly archived: string;
  /** The envelope after enrich, which has no data for the device. */
  readonly enriched: string;
}

const FIXTURES: readonly Fixture[] = JSON.parse(
  readFileSync(join(import.meta.dirname, 'fixtures/envelopes.json'), 'utf8'),
);
/** Lines of the Go platform, whose payloads are envelopes, and one with a payload and only the required fields. */
const ARCHIVE = readFileSync(join(import.meta.dirname, 'fixtures/archive.jsonl'), 'utf8');
const READINGS = 10;

/** Messages and archive lines as described in docs/wire-formats.md, from and for other programs. */
flow(
  'wire',
  {
    pipelines: SERVICES,
    settings: { icestore: { DATAFLOW_ARCHIVE__MAX_AGE_MS: '200' } },
    watch: ({ topics }) => topics.enriched,
    devices: 2,
  },
  async (run) => {
    const { timing, scope, fleet } = run;
    const { names } = scope;
    timing.expected = FIXTURES.length + READINGS;
    const watched = watchTopic(names, scope.watched);
    run.defer(watched.close);
    const icestore = await run.start('icestore');
    run.measure(icestore);
    const enrich = await run.start('enrich');
    await run.start('ingestion');

    // Another program publishes the bytes of the fixture.
    const clients = await createPubSubClients({ projectId: names.projectId });
    run.defer(clients.close);
    await timing.during('load', () =>
      // Pub/Sub accepts one ordering key per request.
      Promise.all(
        FIXTURES.map(({ data, attributes, orderingKey }) =>
          clients.publisher.publish({
            topic: `projects/${names.projectId}/topics/${names.topics.raw}`,
            messages: [{ data: Buffer.from(data), attributes, orderingKey }],
          }),
        ),
      ),
    );
    timing.published += FIXTURES.length;
    await run.load(fleet.readings(READINGS), 1_000);

    await timing.during('verification', async () => {
      await run.until('all is archived', () => assert.is(icestore.ledger.acked, timing.expected));
      await run.until('all has passed enrich', () => {
        assert.is(enrich.ledger.acked, timing.expected);
        assert.is(watched.messages.length, timing.expected);
      });
      const texts = new Map(watched.messages.map(({ data, attributes }) => [data.toString('utf8'), attributes]));
      for (const { name, enriched, attributes } of FIXTURES) {
        assert.equal(texts.get(enriched), attributes, `${name}: the envelope, byte by byte, and its attributes`);
      }
      // The results for bytes from a device, byte by byte except for the times.
      for (const { id, payload, topic, deviceId } of fleet.readings(READINGS)) {
        const own = [...texts.keys()].filter((text) => text.includes(`"id":"${id}"`));
        assert.is(own.length, 1, id);
        const { publishTime, enrichmentData } = JSON.parse(own[0] ?? '');
        assert.match(publishTime, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/);
        const envelope = { id, payload: payload.toString('base64'), publishTime, enrichmentData };
        assert.is(own[0], JSON.stringify(envelope), 'these members, in this order, and no other');
        const { Timestamp, ...known } = enrichmentData;
        assert.is(Timestamp, publishTime);
        assert.equal(known, { DeviceID: deviceId, location: fleet.recordOf(deviceId).LocationID, Topic: topic });
      }
      await run.until('the archive is whole', async () => {
        const objects = await readArchive(names);
        const lines = new Map(objects.flatMap(({ lines: own }) => own.map((line) => [line.id, line] as const)));
        assert.is(lines.size, timing.expected);
        for (const { name, archived } of FIXTURES) {
          const { id }: { id: string } = JSON.parse(archived);
          assert.is(JSON.stringify({ ...lines.get(id), archivedAt: '…' }), archived, `${name}: the archive line`);
          const line = lines.get(id);
          assert.ok(
            objects.some((object) => object.name.startsWith(`raw/${line?.batchKey}/`)),
            `the object of ${id}`,
          );
        }
      });
    });
    // The rows of another program's enriched messages; the binary payload has no columns, and goes to dead-letter.
    await run.start('bigqueries', { env: { DATAFLOW_DEAD_LETTERS__MAX_ATTEMPTS: '1' } });
    await timing.during('verification', async () => {
      await run.until('the rows are there', async () => {
        const rows = await readRows(names);
        assert.equal([rows.get('w1')?.sequence, rows.get('w1')?.temperature], [1, 21.5]);
        assert.is(rows.get('w3')?.device_id, null, 'nothing is made up');
        assert.is(Date.parse(rows.get('w2')?.received_at ?? ''), Date.parse('2026-03-04T23:30:00Z'));
      });
    });
    // Archive lines of the Go platform and of another program are replayed, and take the path of every message.
    const name = 'theirs/2026/03/04/hall/x.jsonl.gz';
    await timing.during('load', async () => {
      const storage = createStorageClient({ projectId: names.projectId });
      await storage.bucket(names.bucket).file(name).save(gzipSync(ARCHIVE));
      const options = ['--to', 'pubsub', '--topic', names.topics.raw, '--speed', 'max'];
      const { code, output } = await runCli(['replay', `${names.bucket}/theirs`, ...options], { env: run.target.env });
      assert.is(code, 0, output);
    });
    await timing.during('verification', () =>
      run.until('the archived lines have passed enrich', () => {
        const texts = new Set(watched.messages.map(({ data }) => data.toString('utf8')));
        for (const line of ARCHIVE.trim().split('\n')) {
          const { id, originalPubSubPayload, archivedAt } = JSON.parse(line);
          const data = Buffer.from(originalPubSubPayload, 'base64').toString('utf8');
          const publishTime = archivedAt.replace('07:06:08+02:00', '05:06:08Z');
          const isEnvelope = data.startsWith('{"id":');
          const own = JSON.stringify({ id, payload: originalPubSubPayload, publishTime });
          assert.ok(texts.has(isEnvelope ? data : own), `${id}: the envelope, byte by byte`);
        }
      }),
    );
    timing.verified = timing.expected;
  },
);
