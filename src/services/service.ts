import {
  defer,
  filter,
  firstValueFrom,
  from,
  map,
  type Observable,
  ReplaySubject,
  race,
  Subscription,
  takeUntil,
  timer,
} from 'rxjs';
import { maskAddress } from '../config/schema-walk.ts';
import type { Credit } from '../core/credit.ts';
import type { Delivery, Outcome } from '../core/delivery.ts';
import { toError } from '../core/errors.ts';
import type { Ledger } from '../core/ledger.ts';
import type { ReadinessReport } from '../core/readiness.ts';
import type { Source } from '../core/source.ts';
import { writeAddressFile } from '../http/address-file.ts';
import { healthApp } from '../http/health-app.ts';
import { type HttpServer, serveHttp } from '../http/http-server.ts';
import type { LiveSource } from '../http/live-source.ts';
import { pageApp } from '../http/page-app.ts';
import { retryWithBackoff } from '../operators/retry.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import type { CommonConfig } from './config.ts';
import type { GraphOutline } from './graph-outline.ts';
import { liveSource } from './live.ts';
import { reportReadiness, watchProgress, watchStalls } from './progress.ts';
import type { ServiceContext } from './service-context.ts';

/** One service: a graph and its life cycle. */
export interface Service<Probes> {
  readonly name: string;
  readonly probes: Probes;
  readonly ledger: Ledger;
  /** Credit of the source: what it may still take, and the most it has held. */
  readonly credit: Credit;
  readonly telemetry: Telemetry;
  /**
   * Opens the HTTP server, checks the configured resources, and starts the graph. Waits during an outage (red in
   * `/readyz`); rejects with a FatalError if the configuration is at fault.
   */
  start(): Promise<void>;
  /** Resolves when the service is ready for the first time; rejects if it ends before. */
  readonly ready: Promise<void>;
  readonly readiness: Observable<ReadinessReport>;
  /** Rejects with the error that ended the graph; resolves after `shutdown`. */
  readonly ended: Promise<void>;
  /** Stops the source, settles everything in flight, then closes. After the deadline, the rest goes back. */
  shutdown(deadlineMs?: number): Promise<ShutdownReport>;
  /** Address of health, metrics and the live page, once started. */
  readonly url: string;
  /** Everything that the live page reads. */
  readonly live: LiveSource;
}

export interface ShutdownReport {
  /**
   * Messages that will be delivered again: returned unsettled at the deadline, or settled without the source's
   * confirmation. 0 is a clean end.
   */
  readonly abandoned: number;
}

/** The parts of a service, once its clients exist. */
export interface ServiceParts {
  readonly source: Source;
  /** The whole path of a delivery, up to its settlement. */
  readonly graph: (deliveries: Observable<Delivery>) => Observable<Outcome>;
  /** Checks at start that the configured resources exist and are usable. */
  readonly check: () => Promise<void>;
  /** Closes the clients that the service created. */
  readonly close: () => Promise<void>;
}

const CHECK_RETRY = { initialDelayMs: 200, maxDelayMs: 5_000, giveUpAfterMs: Number.POSITIVE_INFINITY };
/** Time after the deadline for returning the rest. */
const ABORT_GRACE_MS = 900;
/** Time for sending the last spans to a collector that may not answer, as far as the deadline permits. */
const EXPORT_MS = 2_000;
/** Time for closing clients, which may wait for a silent server. The process exits at most 2 s after the deadline. */
const CLOSE_GRACE_MS = 200;

/**
 * Creates a service from its context and the function that opens its parts.
 *
 * @param outline the graph as the live page draws it.
 */
export function createService<Probes>(
  context: ServiceContext,
  config: CommonConfig,
  probes: Probes,
  build: () => Promise<ServiceParts>,
  outline?: GraphOutline,
): Service<Probes> {
  const { readiness, telemetry, ledger } = context;
  const stop = new ReplaySubject<void>(1);
  const running = new Subscription();
  const reporting = new Subscription();
  let http: HttpServer | undefined;
  let parts: ServiceParts | undefined;
  let started: Promise<void> | undefined;
  let stopping: Promise<ShutdownReport> | undefined;
  let graphRunning = false;
  let hasFailed = false;

  const countBoth = (outcome: Outcome): void => {
    context.ages.count(outcome);
    context.minutes.count(outcome);
  };
  const live = liveSource(context, outline, () => http?.url ?? '');
  const graphCompleted = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<void>();
  ended.promise.catch(() => {});
  const fail = (error: Error): void => {
    hasFailed = true;
    readiness.set('service', 'failing', error.message);
    telemetry.event('service.failed', { error: error.message });
    ended.reject(error);
  };

  readiness.set('service', 'failing', 'not started');
  const ready = Promise.race([
    firstValueFrom(readiness.changes.pipe(filter((report) => report.ready))),
    ended.promise.then(() => Promise.reject(new Error(`${context.service} ended before it was ready`))),
  ]).then(() => {});
  ready.catch(() => {});

  const begin = async (): Promise<void> => {
    telemetry.event('service.starting');
    readiness.set('service', 'failing', 'starting');
    reporting.add(reportReadiness(context));
    const { registry } = telemetry;
    const app = healthApp({ service: context.service, readiness: () => readiness.report, registry });
    if (config.http.page) app.route('/', pageApp([live], config.http));
    http = await serveHttp(app, config.http);
    const unwritten = writeAddressFile(http.url);
    if (unwritten !== undefined) telemetry.event('http.address_unwritten', { error: unwritten.message });
    parts = await build();
    const { check, graph, source } = parts;
    const waiting = retryWithBackoff<void>(CHECK_RETRY, {
      onRetry: (error) => {
        readiness.set('service', 'failing', `waiting for ${error.message}`);
        telemetry.event('service.waiting', { error: error.message });
      },
    });
    await firstValueFrom(defer(check).pipe(waiting, takeUntil(stop)), { defaultValue: undefined });
    if (stopping !== undefined) return;
    graphRunning = true;
    running.add(
      graph(source.deliveries(stop)).subscribe({
        next: config.http.page ? countBoth : context.ages.count,
        error: (thrown) => {
          fail(toError(thrown));
          graphCompleted.resolve();
        },
        complete: () => graphCompleted.resolve(),
      }),
    );
    // Set only now: the source has reported that it is connecting, so the service is never briefly ready before.
    if (!hasFailed) readiness.set('service', 'ok');
    running.add(watchProgress(context, config.readiness.stalledAfterMs));
    running.add(watchStalls(context));
  };

  const finish = async (deadlineMs: number): Promise<ShutdownReport> => {
    const endsAt = performance.now() + deadlineMs;
    const leftMs = () => Math.max(0, endsAt - performance.now());
    telemetry.event('service.stopping', { inFlight: ledger.inFlight, deadlineMs });
    readiness.set('service', 'failing', 'stopping');
    stop.next();
    // A start may be waiting for a silent server.
    await within(leftMs(), Promise.allSettled([started]));
    let abandoned = 0;
    const source = parts?.source;
    if (source !== undefined && graphRunning) {
      const drained = Promise.all([graphCompleted.promise, source.disconnected]);
      if (!(await within(leftMs(), drained))) {
        abandoned = ledger.inFlight;
        telemetry.event('service.abandoned', { messages: abandoned });
        running.unsubscribe();
        source.abort();
        await within(ABORT_GRACE_MS, source.disconnected);
      }
      abandoned += source.unconfirmed;
    }
    running.unsubscribe();
    const exportMs = Math.max(CLOSE_GRACE_MS, Math.min(leftMs(), EXPORT_MS));
    const [areSent] = await Promise.all([
      within(exportMs, Promise.resolve(telemetry.tracing?.shutdown())),
      within(CLOSE_GRACE_MS, Promise.all([parts?.close(), http?.close()])),
    ]);
    if (!areSent) reportUnsent(context, config);
    reporting.unsubscribe();
    telemetry.event('service.stopped', { abandoned, received: ledger.received, acked: ledger.acked });
    ended.resolve();
    return { abandoned };
  };

  return {
    name: context.service,
    probes,
    ledger,
    credit: context.credit,
    telemetry,
    ready,
    readiness: readiness.changes,
    live,
    ended: ended.promise,
    get url() {
      if (http === undefined) throw new Error(`${context.service} has not been started`);
      return http.url;
    },
    start() {
      if (stopping !== undefined) return Promise.reject(new Error(`${context.service} has been shut down`));
      started ??= begin().catch((thrown) => {
        const error = toError(thrown);
        fail(error);
        throw error;
      });
      return started;
    },
    shutdown(deadlineMs = config.shutdown.deadlineMs) {
      stopping ??= finish(deadlineMs).catch((thrown) => {
        ended.reject(toError(thrown));
        throw thrown;
      });
      return stopping;
    },
  };
}

/** Reports the spans that the collector has not accepted in time. */
function reportUnsent({ telemetry }: ServiceContext, { traces: { endpoint = '' } }: CommonConfig): void {
  const { ended, exported, failed } = telemetry.spans;
  const fields = { endpoint: maskAddress(endpoint), spans: ended - exported - failed };
  telemetry.event('traces.export_failed', { ...fields, error: 'no answer before the end of the service' });
}

/** Resolves with true if the work completes in time. */
async function within(timeMs: number, work: Promise<unknown>): Promise<boolean> {
  const done = from(work).pipe(map(() => true));
  return firstValueFrom(race(done, timer(timeMs).pipe(map(() => false))));
}
