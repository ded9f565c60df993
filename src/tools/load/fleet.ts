import type { PayloadValues } from './payload-template.ts';
import { topicTemplate } from './topic-template.ts';

/** One reading of one device, as sent over MQTT. */
export interface Reading {
  readonly topic: string;
  readonly payload: Buffer;
  readonly id: string;
  readonly deviceId: string;
  /** Number of the device, from 0. */
  readonly index: number;
  /** Number of the reading of this device, from 0. */
  readonly sequence: number;
}

/** The record of a device for enrich's lookup. */
export interface DeviceRecord {
  readonly ClientID: string;
  readonly LocationID: string;
  readonly Category: string;
}

export interface FleetOptions {
  readonly devices: number;
  /** The same seed gives the same readings. */
  readonly seed: number;
  /** Part of every message id, so that runs do not mix. */
  readonly runId: string;
  /** Template of the topics, see `topicTemplate`. Default: `sites/{site}/devices/{device}/readings`. */
  readonly topic?: string;
  /** Creates the payload of a reading. Default: JSON with an id, a time and three made-up values. */
  readonly payload?: (values: PayloadValues) => Buffer;
  /** Returns the time of a reading, in milliseconds since 1970. Default: reproducible times from the start of 2026. */
  readonly now?: () => number;
  /** Locations of the devices, in turn. */
  readonly locations?: readonly string[];
  /** Time between two readings, in milliseconds. Default: a second. */
  readonly everyMs?: number;
  /**
   * Gives all devices the same ids: the nth readings of all devices have the same bytes, with an integer beyond 2^53 as
   * id. Only the topic distinguishes them. Default: false.
   */
  readonly sharedIds?: boolean;
}

/** The smallest integer that a double cannot hold. */
const FIRST_WIDE_INTEGER = 2n ** 53n + 1n;

const DEFAULT_TOPIC = 'sites/{site}/devices/{device}/readings';
const LOCATIONS = ['berlin', 'lisbon', 'oslo', 'turin'];
const CATEGORIES = ['climate', 'energy', 'water'];
/** Time of the first reading: a reproducible run does not use the machine's clock. */
const FIRST_READING_MS = Date.UTC(2026, 0, 1);

/** Mulberry32: a small generator of reproducible numbers in [0, 1) from a seed. */
function randomBy(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** A made-up fleet of devices with reproducible readings. */
export class Fleet {
  readonly deviceIds: readonly string[];
  readonly #options: FleetOptions;
  readonly #topics: readonly string[];

  /** @throws Error describing the problem of the topic template. */
  constructor(options: FleetOptions) {
    this.#options = options;
    this.deviceIds = Array.from({ length: options.devices }, (_, index) => `device-${String(index).padStart(5, '0')}`);
    const topic = topicTemplate(options.topic ?? DEFAULT_TOPIC);
    this.#topics = this.deviceIds.map((device, index) =>
      topic.fill({ site: this.recordOf(device).LocationID, device, index }),
    );
  }

  /** Returns the topic of a device. */
  topicOf(index: number): string {
    return this.#topics[index] ?? '';
  }

  recordOf(deviceId: string): DeviceRecord {
    const { locations = LOCATIONS } = this.#options;
    const index = Number(deviceId.slice('device-'.length));
    return {
      ClientID: `client-${index % 7}`,
      LocationID: locations[index % locations.length] ?? '',
      Category: CATEGORIES[index % CATEGORIES.length] ?? '',
    };
  }

  /** Yields the first `count` readings: devices in random order, each device's readings in sequence. */
  *readings(count: number): Generator<Reading> {
    const { runId, seed, payload: filled, now, everyMs = 1_000, sharedIds = false } = this.#options;
    const random = randomBy(seed);
    const sequences = new Map<string, number>();
    for (let made = 0; made < count; made += 1) {
      const index = Math.floor(random() * this.deviceIds.length);
      const deviceId = this.deviceIds[index] ?? '';
      const sequence = sequences.get(deviceId) ?? 0;
      sequences.set(deviceId, sequence + 1);
      const topic = this.topicOf(index);
      if (sharedIds) {
        const id = String(FIRST_WIDE_INTEGER + BigInt(sequence));
        yield { topic, payload: Buffer.from(`{"message_id":${id},"sequence":${id}}`), id, deviceId, index, sequence };
        continue;
      }
      const id = `${runId}-${deviceId}-${sequence}`;
      const time = new Date(now?.() ?? FIRST_READING_MS + made * everyMs).toISOString();
      if (filled !== undefined) {
        const site = this.recordOf(deviceId).LocationID;
        const payload = filled({ site, device: deviceId, index, sequence, id, time });
        yield { topic, payload, id, deviceId, index, sequence };
        continue;
      }
      const reading = {
        message_id: id,
        device_id: deviceId,
        sequence,
        taken_at: time,
        temperature: Math.round((15 + random() * 15) * 100) / 100,
        humidity: Math.round(random() * 1_000) / 10,
        battery: Math.round(random() * 100),
      };
      yield { topic, payload: Buffer.from(JSON.stringify(reading)), id, deviceId, index, sequence };
    }
  }
}
