import type { ServiceName } from '../../services/services.ts';

/** The measured services, which a size can be computed for. */
export const SIZED_SERVICES = [
  'ingestion',
  'enrich',
  'icestore',
  'bigqueries',
] as const satisfies readonly ServiceName[];
export type SizedService = (typeof SIZED_SERVICES)[number];

/** CPU time per message at saturation, in microseconds, by payload size. */
export interface MeasuredCpu {
  readonly at200Bytes: number;
  readonly at1KiB: number;
}

/**
 * docs/performance.md, "Results", rows "this project" and "this project, 1 KiB": batches, no ordering keys, every
 * lookup answered from memory, one batch key. The machine's noise is up to a factor of two.
 */
export const CPU_MICROS: Readonly<Record<SizedService, MeasuredCpu>> = {
  ingestion: { at200Bytes: 9.9, at1KiB: 20.7 },
  enrich: { at200Bytes: 13.2, at1KiB: 21.1 },
  icestore: { at200Bytes: 25.8, at1KiB: 37.6 },
  bigqueries: { at200Bytes: 27.6, at1KiB: 35.5 },
};

/** Peak memory while a backlog is drained with shipped defaults. docs/performance.md, "Memory". */
export const PEAK_MEMORY: Readonly<Record<SizedService, { readonly inFlight: number; readonly megabytes: number }>> = {
  ingestion: { inFlight: 5_000, megabytes: 248 },
  enrich: { inFlight: 10_000, megabytes: 306 },
  icestore: { inFlight: 10_000, megabytes: 286 },
  bigqueries: { inFlight: 10_000, megabytes: 252 },
};
/** Bytes of a payload in those measurements. */
export const PEAK_PAYLOAD_BYTES = 200;

/** Memory of a message in flight besides its payload. docs/performance.md, "Sizing". */
export const MESSAGE_BYTES = 3_000;
/** Peak memory per byte of live data: garbage waits for a collection. docs/performance.md, "Memory" and "Sizing". */
export const HEAP_FACTOR = 2;

/**
 * One publish request of one message: docs/ordering.md (2,000 devices at 30 ms per request move about 2,700 messages
 * per second, a core's worth), measured on 2026-11-28 with @grpc/grpc-js, whose own share is about half.
 */
export const REQUEST_MICROS = 380;

/** One object written: docs/performance.md, "Objects and rows", three rounds, less the CPU time of the object's lines. */
export const OBJECT_MICROS = 1_020;

/**
 * One lookup in Redis and in Firestore: docs/performance.md, "Results", enrich, minus the cost of enrich without it.
 */
export const REDIS_MICROS = 55.9;
export const FIRESTORE_MICROS = 133.3;

/** The planned share of a core: the rest is for peaks, catching up, and the machine's noise. */
export const PLANNED_CORE = 0.6;

/**
 * Bytes that an envelope and its attributes add to a payload in base64, with the id and time that Pub/Sub counts. A
 * test counts them for a reading of the demo.
 */
export const ENVELOPE_BYTES = 290;

/** Pub/Sub: 1 MB/s per ordering key (cloud.google.com/pubsub/quotas), and about 10 MB/s per StreamingPull. */
export const ORDERING_KEY_BYTES_PER_SECOND = 1_000_000;
export const STREAM_BYTES_PER_SECOND = 10_000_000;

/** The minimum that Pub/Sub bills per request: cloud.google.com/pubsub/pricing. */
export const BILLED_REQUEST_BYTES = 1_000;
