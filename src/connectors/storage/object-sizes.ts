import type { SchedulerLike } from 'rxjs';
import type { FlushReason } from '../../operators/batcher.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import { monotonicScheduler } from '../../util/clock.ts';

const KIB = 1024;
const SIZES = [1, 4, 16, 64, 256, 1_024, 4_096, 16_384, 65_536, 262_144].map((kib) => kib * KIB);

/** A mean object size below this is small. */
const SMALL_BYTES = 64 * KIB;
/** Below this rate, small objects cost little: 5 a second are 432,000 a day. */
const MATTERS_PER_SECOND = 5;
/** Time over which objects are judged. */
const WINDOW_MS = 300_000;

const COARSER = 'or choose a coarser batch key (archive.location, or the hook batchKey)';
const REMEDIES = {
  age: `raise archive.maxAgeMs, and source.maxInFlight to hold the messages that arrive in the meantime, ${COARSER}`,
  pressure: `raise source.maxInFlight and source.maxInFlightBytes, ${COARSER}`,
  crowded: `raise archive.maxOpenGroups, ${COARSER}`,
} as const;
const WORDS = {
  age: 'were as old as archive.maxAgeMs',
  pressure: 'left because source.maxInFlight or source.maxInFlightBytes was reached',
  crowded: 'left because archive.maxOpenGroups was reached',
} as const;
const EARLY = ['age', 'pressure', 'crowded'] as const;

/** Objects in one time window. */
interface Window {
  readonly since: number;
  objects: number;
  bytes: number;
  readonly byReason: Record<FlushReason, number>;
}

const NO_OBJECTS: Readonly<Record<FlushReason, number>> = {
  ...{ count: 0, bytes: 0, age: 0, crowded: 0, pressure: 0, completion: 0 },
};

/**
 * Reports metrics of objects by size and by the reason their batch left. Logs `upload.small` if the objects of five
 * minutes are small on average, numerous, and mostly left early. Logs it once, until a five-minute window is better.
 *
 * @returns a function to call with each stored object's size after compression.
 */
export function objectSizes(
  telemetry: Telemetry,
  scheduler: SchedulerLike = monotonicScheduler,
): (reason: FlushReason, bytes: number) => void {
  const total = { ...NO_OBJECTS };
  const observeBytes = telemetry.histogram(
    'dataflow_object_size_bytes',
    'Bytes of one object, after compression.',
    SIZES,
  );
  telemetry.counter(
    'dataflow_objects_written_total',
    'Objects by the reason their batch left: its lines or bytes, its age, too many open groups, credit used up, or the end.',
    () => Object.entries(total).map(([reason, count]) => [{ reason }, count]),
    ['reason'],
  );
  const open = (): Window => ({ since: scheduler.now(), objects: 0, bytes: 0, byReason: { ...NO_OBJECTS } });
  let window: Window | undefined;
  let isSmall = false;

  const judge = ({ objects, bytes, byReason }: Window, seconds: number): void => {
    const meanBytes = bytes / objects;
    const early = EARLY.reduce((sum, reason) => sum + byReason[reason], 0);
    const wasSmall = isSmall;
    isSmall = meanBytes < SMALL_BYTES && objects / seconds >= MATTERS_PER_SECOND && early > objects / 2;
    if (!isSmall || wasSmall) return;
    const main = EARLY.reduce((most, reason) => (byReason[reason] > byReason[most] ? reason : most));
    const percent = Math.round((100 * byReason[main]) / objects);
    telemetry.event('upload.small', {
      objectsPerSecond: Math.round(objects / seconds),
      meanBytes: Math.round(meanBytes),
      why: `${percent} % ${WORDS[main]}`,
      remedy: REMEDIES[main],
    });
  };

  return (reason, bytes) => {
    total[reason] += 1;
    observeBytes(bytes);
    window ??= open();
    const forMs = scheduler.now() - window.since;
    if (forMs >= WINDOW_MS) {
      judge(window, forMs / 1_000);
      window = open();
    }
    window.objects += 1;
    window.bytes += bytes;
    window.byReason[reason] += 1;
  };
}
