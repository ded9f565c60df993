/** One reading of one device, as it goes over MQTT. */
export interface Reading {
  readonly topic: string;
  readonly payload: Buffer;
  readonly id: string;
  readonly deviceId: string;
  /** Counts the readings of this device, from 0. */
  readonly sequence: number;
}

/** What is known about a device: what the lookup of the enrich service finds. */
export interface DeviceRecord {
  readonly ClientID: string;
  readonly LocationID: string;
  readonly Category: string;
}

export interface FleetOptions {
  readonly devices: number;
  /** The same seed makes the same readings. */
  readonly seed: number;
  /** Put into every message id, so that runs do not mix. */
  readonly runId: string;
  /** First level of every topic. Default: `sites`. */
  readonly topicRoot?: string;
  /** Where the devices stand, in turn. */
  readonly locations?: readonly string[];
  /** Time between two readings, in milliseconds. Default: a second. */
  readonly everyMs?: number;
  /**
   * Lets every device count alike: the nth readings of all devices have the same bytes, with an integer beyond 2^53 as
   * their id. Only the topic tells them apart. Default: false.
   */
  readonly sharedIds?: boolean;
}

/** The smallest integer that a double does not hold. */
const FIRST_WIDE_INTEGER = 2n ** 53n + 1n;

const LOCATIONS = ['berlin', 'lisbon', 'oslo', 'turin'];
const CATEGORIES = ['climate', 'energy', 'water'];
/** Readings are taken from here on: the clock of a reproducible run is not the machine's. */
const FIRST_READING_MS = Date.UTC(2026, 0, 1);

/** Mulberry32: a small generator of numbers in [0, 1) that a seed reproduces. */
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

  constructor(options: FleetOptions) {
    this.#options = options;
    this.deviceIds = Array.from({ length: options.devices }, (_, index) => `device-${String(index).padStart(5, '0')}`);
  }

  recordOf(deviceId: string): DeviceRecord {
    const { locations = LOCATIONS } = this.#options;
    const index = Number(deviceId.slice(-5));
    return {
      ClientID: `client-${index % 7}`,
      LocationID: locations[index % locations.length] ?? '',
      Category: CATEGORIES[index % CATEGORIES.length] ?? '',
    };
  }

  /** The first `count` readings, round the devices in a random order, each device's own in sequence. */
  *readings(count: number): Generator<Reading> {
    const { runId, seed, topicRoot = 'sites', everyMs = 1_000, sharedIds = false } = this.#options;
    const random = randomBy(seed);
    const sequences = new Map<string, number>();
    for (let index = 0; index < count; index += 1) {
      const deviceId = this.deviceIds[Math.floor(random() * this.deviceIds.length)] ?? '';
      const sequence = sequences.get(deviceId) ?? 0;
      sequences.set(deviceId, sequence + 1);
      const topic = `${topicRoot}/${this.recordOf(deviceId).LocationID}/devices/${deviceId}/readings`;
      if (sharedIds) {
        const id = String(FIRST_WIDE_INTEGER + BigInt(sequence));
        yield { topic, payload: Buffer.from(`{"message_id":${id},"sequence":${id}}`), id, deviceId, sequence };
        continue;
      }
      const id = `${runId}-${deviceId}-${sequence}`;
      const reading = {
        message_id: id,
        device_id: deviceId,
        sequence,
        taken_at: new Date(FIRST_READING_MS + index * everyMs).toISOString(),
        temperature: Math.round((15 + random() * 15) * 100) / 100,
        humidity: Math.round(random() * 1_000) / 10,
        battery: Math.round(random() * 100),
      };
      yield {
        topic,
        payload: Buffer.from(JSON.stringify(reading)),
        id,
        deviceId,
        sequence,
      };
    }
  }
}
