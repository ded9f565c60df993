import { asapScheduler, auditTime, interval, type Observable, type SchedulerLike, type Subscription, tap } from 'rxjs';
import { toError } from '../core/errors.ts';
import type { ReadinessReport } from '../core/readiness.ts';
import { monotonicScheduler } from '../util/clock.ts';
import type { ServiceContext } from './service-context.ts';

const CHECK_EVERY_MS = 1_000;

/** Reasons of every start, already logged as `service.starting`. */
const EXPECTED: ReadonlySet<string> = new Set(['starting', 'connecting', 'not subscribed']);

/**
 * Logs when a service becomes ready, and when it stops being ready or its reason changes. Does not log the current
 * report, nor what is normal while a service starts and stops.
 */
export function reportReadiness({ readiness, telemetry }: ServiceContext): Subscription {
  const failingIn = (report: ReadinessReport) =>
    Object.fromEntries(
      Object.entries(report.components)
        .filter(([, { state }]) => state === 'failing')
        .map(([name, { detail }]) => [name, detail]),
    );
  let known = withoutDigits(failingIn(readiness.report));
  let wasReady = false;
  /** True if every part only waits for its first connection, or the service stops. */
  const isExpected = (components: Readonly<Record<string, string>>): boolean =>
    components.service === 'stopping' ||
    (!wasReady && Object.values(components).every((detail) => EXPECTED.has(detail)));
  // Combines simultaneous changes.
  return watch(
    readiness.changes.pipe(auditTime(0, asapScheduler)),
    (report) => {
      const components = failingIn(report);
      const now = withoutDigits(components);
      if (now === known) return;
      known = now;
      if (report.ready) {
        wasReady = true;
        telemetry.event('service.ready');
      } else if (!isExpected(components)) telemetry.event('service.not_ready', { components });
    },
    telemetry,
  );
}

/** Removes digits, since times and counts in an error change with each attempt. */
function withoutDigits(components: Readonly<Record<string, string>>): string {
  return JSON.stringify(components).replaceAll(/\d+/g, '');
}

/** Turns a service red while messages are in flight and none has been settled for `stalledAfterMs`. */
export function watchProgress(
  { ledger, readiness, telemetry }: ServiceContext,
  stalledAfterMs: number,
  scheduler: SchedulerLike = monotonicScheduler,
): Subscription {
  let settled = 0;
  let since = scheduler.now();
  const check = (): void => {
    const now = scheduler.now();
    const ended = ledger.received - ledger.inFlight;
    if (ended !== settled || ledger.inFlight === 0) {
      settled = ended;
      since = now;
    }
    if (now - since < stalledAfterMs) readiness.set('progress', 'ok');
    else
      readiness.set(
        'progress',
        'failing',
        `${ledger.inFlight} messages in flight, none settled for ${stalledAfterMs} ms`,
      );
  };
  return watch(interval(CHECK_EVERY_MS, scheduler), check, telemetry);
}

/** Subscribes without ever ending the service: errors are logged. */
function watch<T>(
  values: Observable<T>,
  onValue: (value: T) => void,
  telemetry: ServiceContext['telemetry'],
): Subscription {
  return values.pipe(tap(onValue)).subscribe({
    error: (thrown) => telemetry.event('readiness.unwatched', { error: toError(thrown).message }),
  });
}

/** A failing target with this share of the credit keeps the source from receiving for others. */
const STALLING_SHARE = 0.5;

/** Turns a service red, naming the target, while messages for a failing target keep the source from receiving more. */
export function watchStalls({ graphs, readiness, telemetry }: ServiceContext): Subscription {
  let stalledBy: string | undefined;
  const check = (): void => {
    const [stall] = graphs.flatMap(({ credit, failing, remedy }) => {
      const [worst] = failing.entries;
      if (worst === undefined || !credit.starved) return [];
      const [target, messages] = worst;
      const { maxMessages } = credit.limits;
      return messages < maxMessages * STALLING_SHARE ? [] : [{ target, messages, maxMessages, remedy }];
    });
    if (stall === undefined) {
      stalledBy = undefined;
      readiness.set('source', 'ok');
      return;
    }
    const { target, messages, maxMessages, remedy } = stall;
    const detail = `receiving is stalled: ${messages} of ${maxMessages} messages in flight wait for ${target}`;
    readiness.set('source', 'failing', remedy === undefined ? detail : `${detail}; ${remedy}`);
    if (target === stalledBy) return;
    stalledBy = target;
    telemetry.event('source.stalled', { target, messages });
  };
  return watch(interval(CHECK_EVERY_MS), check, telemetry);
}
