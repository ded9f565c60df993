import { createPubSubClients } from '../connectors/pubsub/client.ts';
import type { Fleet, Reading } from '../tools/load/fleet.ts';
import { newLoadProgress } from '../tools/load/publish-load.ts';
import { publishReadings } from '../tools/load/publish-readings.ts';

const ENDLESS = 1_000_000_000;
const BATCH = 500;
/** Pauses between batches of a rate: short enough to look like a flow. */
const SLICE_MS = 20;

/** A load that runs until it is stopped, or reaches its count. */
export interface Load {
  /** Messages confirmed so far. */
  readonly published: number;
  /** Resolves with the number of confirmed messages when all are published or `stop` was called. */
  readonly done: Promise<number>;
  stop(): Promise<number>;
}

export interface LoadOptions {
  /** Infinity: as fast as possible. */
  readonly ratePerSecond: number;
  /** Stops by itself after this number of messages. */
  readonly count?: number;
}

/** Publishes readings of a fleet over MQTT; `readings` continues an earlier load. */
export function mqttLoad(
  fleet: Fleet,
  url: string,
  { ratePerSecond, count = ENDLESS, readings = fleet.readings(count) }: LoadOptions & { readings?: Iterable<Reading> },
): Load {
  const stop = new AbortController();
  const progress = newLoadProgress();
  const done = publishReadings(readings, {
    url,
    ratePerSecond,
    signal: stop.signal,
    progress,
  });
  done.catch(() => {});
  return {
    done,
    get published() {
      return progress.confirmed;
    },
    stop: () => {
      stop.abort();
      return done;
    },
  };
}

/** A reading as published by the ingestion service. */
export function envelopeOf(fleet: Fleet, { id, payload, deviceId, topic }: Reading): object {
  const { LocationID } = fleet.recordOf(deviceId);
  return {
    id,
    payload: payload.toString('base64'),
    publishTime: '2026-01-01T00:00:00Z',
    enrichmentData: { DeviceID: deviceId, location: LocationID, topic },
  };
}

export interface TopicLoadOptions extends LoadOptions {
  /** True if each device has an ordering key; without, requests are larger and fewer. */
  readonly ordered: boolean;
}

/** Publishes readings of a fleet to a topic, like the ingestion service. */
export function pubsubLoad(
  fleet: Fleet,
  { projectId, topicId }: { readonly projectId: string; readonly topicId: string },
  { ratePerSecond, count = ENDLESS, ordered }: TopicLoadOptions,
): Load {
  let published = 0;
  let stopped = false;
  const run = async (): Promise<number> => {
    const { publisher, close } = await createPubSubClients({ projectId });
    const topic = `projects/${projectId}/topics/${topicId}`;
    const publish = (readings: readonly Reading[], orderingKey: string) =>
      publisher.publish({
        topic,
        messages: readings.map((reading) => ({
          data: Buffer.from(JSON.stringify(envelopeOf(fleet, reading))),
          attributes: { mqtt_topic: reading.topic },
          orderingKey,
        })),
      });
    const started = performance.now();
    const readings = fleet.readings(count);
    try {
      for (let ended = false; !ended && !stopped; ) {
        const due = ((performance.now() - started) / 1_000) * ratePerSecond - published;
        const batch: Reading[] = [];
        while (batch.length < Math.min(BATCH, due) && !ended) {
          const next = readings.next();
          if (next.done) ended = true;
          else batch.push(next.value);
        }
        const groups = Map.groupBy(batch, ({ deviceId }) => (ordered ? deviceId : ''));
        await Promise.all(Array.from(groups, ([key, own]) => publish(own, key)));
        published += batch.length;
        if (batch.length === 0 && !ended) await new Promise((resolve) => setTimeout(resolve, SLICE_MS));
      }
      return published;
    } finally {
      await close();
    }
  };
  const done = run();
  done.catch(() => {});
  return {
    done,
    get published() {
      return published;
    },
    stop: () => {
      stopped = true;
      return done;
    },
  };
}
