import {
  BILLED_REQUEST_BYTES,
  CPU_MICROS,
  ENVELOPE_BYTES,
  FIRESTORE_MICROS,
  HEAP_FACTOR,
  MESSAGE_BYTES,
  OBJECT_MICROS,
  ORDERING_KEY_BYTES_PER_SECOND,
  PEAK_MEMORY,
  PEAK_PAYLOAD_BYTES,
  PLANNED_CORE,
  REDIS_MICROS,
  REQUEST_MICROS,
  type SizedService,
  STREAM_BYTES_PER_SECOND,
} from './measured.ts';

/** The load of a platform. Latencies in milliseconds, of one call as the service sees it. */
export interface Workload {
  /** Messages per second, averaged over about a minute. */
  readonly rate: number;
  /** Bytes of a payload. */
  readonly bytes: number;
  readonly devices: number;
  /** Keys of publishing: none, the device, or `buckets` hashes of devices. */
  readonly order: 'none' | 'device' | 'buckets';
  readonly buckets: number;
  readonly pubsubMs: number;
  readonly storageMs: number;
  readonly bigqueryMs: number;
  /** Batch keys that are written concurrently, such as locations. */
  readonly places: number;
  /** Shares of messages (0 to 1) whose device is not in memory, and of those whose device is not in Redis either. */
  readonly memoryMisses: number;
  readonly redisMisses: number;
  readonly lookupMs: number;
}

/** A recommended setting, as a pipeline names it. */
export interface SizedSetting {
  readonly name: string;
  readonly value: number;
}

/** The size of one service. */
export interface ServiceSize {
  readonly service: SizedService;
  readonly replicas: number;
  /** The limit that determines the number of replicas. */
  readonly boundBy: 'cpu' | 'in flight' | 'requests at a time';
  readonly cpuMicrosPerMessage: number;
  /** Cores used by all replicas together. */
  readonly cores: number;
  /** Average milliseconds from receipt to settlement without queueing. */
  readonly settleMs: number;
  readonly requestsPerSecond: number;
  readonly messagesPerRequest: number;
  readonly settings: readonly SizedSetting[];
  /** Memory limit of one container, in MB. */
  readonly memoryMegabytes: number;
  readonly notes: readonly string[];
}

/** Defaults of the settings that the formulas start from. */
const PUBLISH = { concurrency: 500, maxMessages: 1_000, maxBytes: 4_000_000, maxDelayMs: 10 };
const ARCHIVE = { concurrency: 64, maxLines: 1_000, maxBytes: 8 * 1024 * 1024, maxAgeMs: 60_000 };
const INSERT = { concurrency: 32, maxRows: 500, maxBytes: 4_000_000, maxDelayMs: 1_000 };
const PULL_IN_FLIGHT = 10_000;
const MOST_PULLED = 1_000_000;
const MQTT_IN_FLIGHT = 5_000;
/** Largest `concurrency`. */
const MOST_REQUESTS = 1_000;
/** Number of MQTT packet ids. */
const MOST_MQTT_IN_FLIGHT = 65_535;
/** Headroom for peaks of messages in flight and of concurrent requests. */
const HEADROOM = 2;
const LIMIT_STEP_MB = 64;
const LEAST_LIMIT_MB = 512;
/** Memory of a container beyond the measured peak. */
const LIMIT_FACTOR = 1.25;

/** Returns CPU microseconds per message of a size, interpolated linearly between the two measured sizes. */
export function cpuMicros(service: SizedService, bytes: number): number {
  const { at200Bytes, at1KiB } = CPU_MICROS[service];
  return Math.max(at200Bytes / 2, at200Bytes + ((at1KiB - at200Bytes) * (bytes - 200)) / (1_024 - 200));
}

const aliveBytes = (inFlight: number, bytes: number): number => inFlight * (MESSAGE_BYTES + 2 * bytes);

/** Peak memory of a process for a number of messages in flight, in MB. At least that measured with shipped defaults. */
export function peakMegabytes(service: SizedService, inFlight: number, bytes: number): number {
  const measured = PEAK_MEMORY[service];
  const further = aliveBytes(inFlight, bytes) - aliveBytes(measured.inFlight, PEAK_PAYLOAD_BYTES);
  return measured.megabytes + (HEAP_FACTOR * Math.max(0, further)) / 1_000_000;
}

function memoryLimit(service: SizedService, inFlight: number, bytes: number): number {
  const limit = LIMIT_FACTOR * peakMegabytes(service, inFlight, bytes);
  return Math.max(LEAST_LIMIT_MB, Math.ceil(limit / LIMIT_STEP_MB) * LIMIT_STEP_MB);
}

/** Returns the bytes of a message in Pub/Sub: the payload in base64, the envelope around it, and its attributes. */
export const envelopeBytes = (bytes: number): number => Math.ceil(bytes / 3) * 4 + ENVELOPE_BYTES;

/** The publishing of one replica at a rate. */
interface Publishing {
  readonly messagesPerRequest: number;
  readonly requestsAtATime: number;
  readonly settleMs: number;
}

/**
 * Computes the publishing of one replica for its rate and keys.
 *
 * Without keys, a request holds the messages that arrive within `maxDelayMs`. With keys, one request per key is in
 * flight, and the next holds the messages that arrived in the meantime: rate / keys × (latency + delay), at least one.
 * Many keys therefore mean requests of one message each.
 */
export function publishing(rate: number, keys: number | undefined, { pubsubMs, bytes }: Workload): Publishing {
  const most = Math.min(PUBLISH.maxMessages, Math.max(1, Math.floor(PUBLISH.maxBytes / envelopeBytes(bytes))));
  // Without keys, requests grow when the maximum number is in flight.
  const untilFreeMs = (HEADROOM * pubsubMs) / PUBLISH.concurrency;
  const windowMs = keys === undefined ? Math.max(PUBLISH.maxDelayMs, untilFreeMs) : pubsubMs + PUBLISH.maxDelayMs;
  const messagesPerRequest = Math.max(1, Math.min(most, ((rate / (keys ?? 1)) * windowMs) / 1_000));
  // With keys, a message also waits for half of the previous request, on average.
  const settleMs = keys === undefined ? windowMs + pubsubMs : windowMs + pubsubMs / 2;
  return {
    messagesPerRequest,
    requestsAtATime: ((rate / messagesPerRequest) * pubsubMs) / 1_000,
    settleMs,
  };
}

function keysOf({ order, devices, buckets }: Pick<Workload, 'order' | 'devices' | 'buckets'>): number | undefined {
  if (order === 'none') return undefined;
  return order === 'device' ? devices : Math.min(buckets, devices);
}

/** The work of one replica at a rate. */
interface Replica {
  readonly cpuMicros: number;
  readonly settleMs: number;
  readonly messagesPerRequest: number;
  readonly requestsAtATime: number;
}

interface Limits {
  readonly defaultInFlight: number;
  readonly mostInFlight: number;
  readonly defaultRequests: number;
  readonly mostRequests: number;
  readonly inFlightName: string;
  readonly requestsName: string;
}

/**
 * Returns the smallest number of replicas for which each has enough CPU time, messages in flight and concurrent
 * requests (Little's law: rate × time).
 */
function sized(
  service: SizedService,
  { rate, bytes }: Workload,
  replica: (rate: number, replicas: number) => Replica,
  limits: Limits,
): Omit<ServiceSize, 'notes'> {
  let boundBy: ServiceSize['boundBy'] = 'cpu';
  for (let replicas = 1; ; replicas += 1) {
    const own = rate / replicas;
    const at = replica(own, replicas);
    const inFlight = (own * at.settleMs) / 1_000;
    if ((own * at.cpuMicros) / 1_000_000 > PLANNED_CORE) boundBy = 'cpu';
    else if (HEADROOM * inFlight > limits.mostInFlight) boundBy = 'in flight';
    else if (at.requestsAtATime > limits.mostRequests) boundBy = 'requests at a time';
    else {
      const maxInFlight = setting(limits.defaultInFlight, HEADROOM * inFlight, 1_000, limits.mostInFlight);
      const requests = setting(limits.defaultRequests, HEADROOM * at.requestsAtATime, 10, MOST_REQUESTS);
      const streams = Math.ceil((own * envelopeBytes(bytes)) / STREAM_BYTES_PER_SECOND);
      return {
        service,
        replicas,
        boundBy,
        cpuMicrosPerMessage: round(at.cpuMicros),
        cores: round((rate * at.cpuMicros) / 1_000_000),
        settleMs: Math.round(at.settleMs),
        requestsPerSecond: Math.round(rate / at.messagesPerRequest),
        messagesPerRequest: round(at.messagesPerRequest),
        settings: [
          { name: limits.inFlightName, value: maxInFlight },
          { name: limits.requestsName, value: requests },
          ...(service === 'ingestion' ? [] : [{ name: 'source.streams', value: streams }]),
        ],
        memoryMegabytes: memoryLimit(service, maxInFlight, bytes),
      };
    }
  }
}

const round = (value: number): number => Math.round(value * 10) / 10;

function setting(byDefault: number, needed: number, step: number, most: number): number {
  return Math.min(most, Math.max(byDefault, Math.ceil(needed / step) * step));
}

/** A key has one request in flight. */
const publishLimits = (load: Workload) => ({
  defaultRequests: PUBLISH.concurrency,
  mostRequests: Math.min(MOST_REQUESTS, keysOf(load) ?? MOST_REQUESTS),
  requestsName: 'publish.concurrency',
});
const PULL_LIMITS = {
  defaultInFlight: PULL_IN_FLIGHT,
  mostInFlight: MOST_PULLED,
  inFlightName: 'source.maxInFlight',
};

/** Returns CPU time per published message: its own, and its share of a request beyond the cost of batches. */
function publishedMicros(
  service: SizedService,
  bytes: number,
  { order }: Workload,
  messagesPerRequest: number,
): number {
  const base = cpuMicros(service, bytes);
  // Without keys, requests are large, and the measurement includes their cost.
  return order === 'none' ? base : base + Math.max(0, REQUEST_MICROS - base) / messagesPerRequest;
}

/** ingestion: MQTT to Pub/Sub. */
export function sizeIngestion(load: Workload): ServiceSize {
  const replica = (rate: number, replicas: number): Replica => {
    // Each replica has its own devices, and hashes them into all buckets.
    const keys = keysOf({ ...load, devices: Math.max(1, load.devices / replicas) });
    const at = publishing(rate, keys, load);
    return { ...at, cpuMicros: publishedMicros('ingestion', load.bytes, load, at.messagesPerRequest) };
  };
  const size = sized('ingestion', load, replica, {
    ...publishLimits(load),
    ...{ defaultInFlight: MQTT_IN_FLIGHT, mostInFlight: MOST_MQTT_IN_FLIGHT, inFlightName: 'mqtt.maxInFlight' },
  });
  const shared =
    size.replicas > 1 && load.order !== 'none'
      ? ["a shared subscription does not keep a device's order: give each replica its own topics, such as some sites"]
      : [];
  return { ...size, notes: [...shared, ...publishNotes(load, size)] };
}

/** enrich: Pub/Sub to Pub/Sub, with a lookup. */
export function sizeEnrich(load: Workload): ServiceSize {
  const { memoryMisses, redisMisses, lookupMs } = load;
  const allKeys = keysOf(load);
  const replica = (rate: number, replicas: number): Replica => {
    // A subscription with ordering assigns each key to one replica.
    const at = publishing(rate, allKeys === undefined ? undefined : Math.max(1, allKeys / replicas), load);
    const published = publishedMicros('enrich', load.bytes, load, at.messagesPerRequest);
    return {
      ...at,
      settleMs: at.settleMs + memoryMisses * (1 + redisMisses) * lookupMs,
      cpuMicros: published + memoryMisses * (REDIS_MICROS + redisMisses * FIRESTORE_MICROS),
    };
  };
  const size = sized('enrich', load, replica, { ...publishLimits(load), ...PULL_LIMITS });
  const few =
    allKeys !== undefined && size.replicas > allKeys
      ? [
          `${allKeys} keys keep at most ${allKeys} replicas busy: a subscription with ordering assigns a key to one at a time`,
        ]
      : [];
  return { ...size, notes: [...few, ...publishNotes(load, size)] };
}

/** icestore: Pub/Sub to Cloud Storage. */
export function sizeIcestore(load: Workload): ServiceSize {
  const { bytes, places, storageMs } = load;
  const mostLines = Math.min(ARCHIVE.maxLines, Math.max(1, Math.floor(ARCHIVE.maxBytes / (2 * envelopeBytes(bytes)))));
  const replica = (rate: number): Replica => {
    // An object leaves when it is full, old, or when credit is used up.
    const byAge = ((rate / places) * ARCHIVE.maxAgeMs) / 1_000;
    const lines = Math.max(1, Math.min(mostLines, byAge, PULL_IN_FLIGHT / places));
    const fillMs = (lines * places * 1_000) / rate;
    const own = cpuMicros('icestore', bytes) - OBJECT_MICROS / ARCHIVE.maxLines;
    return {
      cpuMicros: own + OBJECT_MICROS / lines,
      settleMs: Math.min(ARCHIVE.maxAgeMs, fillMs) / 2 + storageMs,
      messagesPerRequest: lines,
      requestsAtATime: ((rate / lines) * storageMs) / 1_000,
    };
  };
  const size = sized('icestore', load, replica, {
    ...PULL_LIMITS,
    ...{ defaultRequests: ARCHIVE.concurrency, mostRequests: MOST_REQUESTS, requestsName: 'archive.concurrency' },
  });
  const small =
    size.messagesPerRequest < mostLines / 2
      ? [
          `objects hold about ${Math.round(size.messagesPerRequest)} lines: ${places} places share the messages in flight; a larger source.maxInFlight or archive.maxAgeMs makes them larger`,
        ]
      : [];
  return { ...size, notes: small };
}

/** bigqueries: Pub/Sub to BigQuery. */
export function sizeBigqueries(load: Workload): ServiceSize {
  const { bytes, bigqueryMs } = load;
  const mostRows = Math.min(INSERT.maxRows, Math.max(1, Math.floor(INSERT.maxBytes / (2 * bytes + 200))));
  const replica = (rate: number): Replica => {
    const rows = Math.max(1, Math.min(mostRows, (rate * INSERT.maxDelayMs) / 1_000));
    return {
      cpuMicros: cpuMicros('bigqueries', bytes),
      settleMs: Math.min(INSERT.maxDelayMs, (rows * 1_000) / rate) / 2 + bigqueryMs,
      messagesPerRequest: rows,
      requestsAtATime: ((rate / rows) * bigqueryMs) / 1_000,
    };
  };
  const size = sized('bigqueries', load, replica, {
    ...PULL_LIMITS,
    ...{ defaultRequests: INSERT.concurrency, mostRequests: MOST_REQUESTS, requestsName: 'insert.concurrency' },
  });
  return { ...size, notes: [] };
}

/** Returns the sizes of all four services, in the order of the data flow. */
export function sizePlatform(load: Workload): ServiceSize[] {
  return [sizeIngestion(load), sizeEnrich(load), sizeIcestore(load), sizeBigqueries(load)];
}

/**
 * Returns the bytes that Pub/Sub bills for publishing one message: its own, or its share of a request's minimum of
 * 1,000.
 */
export function billedBytes(bytes: number, messagesPerRequest: number): number {
  return Math.max(envelopeBytes(bytes), BILLED_REQUEST_BYTES / messagesPerRequest);
}

function publishNotes(load: Workload, size: Omit<ServiceSize, 'notes'>): string[] {
  const { order, devices, bytes, rate, buckets } = load;
  const notes: string[] = [];
  const keys = keysOf(load);
  const perKey = keys === undefined ? 0 : (rate * envelopeBytes(bytes)) / keys;
  if (perKey > ORDERING_KEY_BYTES_PER_SECOND) {
    const needed = Math.ceil((rate * envelopeBytes(bytes)) / ORDERING_KEY_BYTES_PER_SECOND);
    notes.push(`${keys} keys are too few: Pub/Sub accepts 1 MB/s per key, so this needs at least ${needed}`);
  }
  const billed = billedBytes(bytes, size.messagesPerRequest);
  if (billed > envelopeBytes(bytes)) {
    notes.push(
      `Pub/Sub bills ${Math.round(billed)} bytes for each message of ${envelopeBytes(bytes)}: a request counts as at least 1,000`,
    );
  }
  if (order === 'device' && size.messagesPerRequest < 2 && devices > buckets) {
    notes.push(
      `each request holds about one message; orderingKey.buckets: ${buckets} keeps each device's order in far fewer`,
    );
  }
  return notes;
}
