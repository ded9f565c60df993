import { catchError, defer, finalize, map, type Observable, of, type SchedulerLike, switchMap } from 'rxjs';
import { PoisonError, toError } from '../../core/errors.ts';
import type { Readiness } from '../../core/readiness.ts';
import type { ItemResult, Slot } from '../../operators/batch-into.ts';
import { type RetryPolicy, retryWithBackoff } from '../../operators/retry.ts';
import { CALL_SECONDS, type Telemetry } from '../../telemetry/telemetry.ts';
import { monotonicScheduler } from '../../util/clock.ts';
import { asCallError, isResourceRefused } from '../google/errors.ts';
import { callUnary, routedBy } from '../google/grpc-client.ts';
import type { OutgoingMessage } from './limits.ts';
import type { PublishConnections } from './publish-connections.ts';
import { publishRequest } from './wire/requests.ts';

const METHOD = '/google.pubsub.v1.Publisher/Publish';

export interface PublisherOptions {
  readonly connections: PublishConnections;
  readonly projectId: string;
  readonly retry: RetryPolicy;
  readonly timeoutMs: number;
  readonly telemetry: Telemetry;
  readonly readiness: Readiness;
  /** The name of this component in readiness reports, for example `publish`. */
  readonly component: string;
  readonly scheduler?: SchedulerLike;
}

export interface PublishOptions {
  /** The slot of the batch behind this request, released while the request waits to be retried. */
  readonly slot?: Slot;
  /** Time that the topic may fail before a request gives up. Defaults to the retry policy's. */
  readonly giveUpAfterMs?: number | undefined;
}

/** The state of a failing topic. */
interface Failing {
  /** Requests being retried. */
  requests: number;
  /** Time of the first failure since the last success, in ms of the scheduler's clock. */
  since: number | undefined;
}

/** Publishes requests to Pub/Sub, retries outages, and isolates a message that Pub/Sub refuses. */
export class Publisher {
  readonly #options: PublisherOptions;
  readonly #observeSeconds: (seconds: number) => void;
  readonly #scheduler: SchedulerLike;
  /** Keyed by topic. Bounded by the topics of the configuration. */
  readonly #failing = new Map<string, Failing>();

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.#scheduler = options.scheduler ?? monotonicScheduler;
    this.#observeSeconds = options.telemetry.histogram(
      `dataflow_${options.component}_duration_seconds`,
      'Time of one publish request, without retries.',
      CALL_SECONDS,
    );
  }

  /**
   * Publishes messages in one request and emits the result of each, in order. Halves a request that Pub/Sub refuses
   * (INVALID_ARGUMENT) until the refused message is alone, so one bad message fails alone. The halves run in sequence,
   * and an outage of the first skips the second, which keeps the order.
   */
  publish(
    topicId: string,
    messages: readonly OutgoingMessage[],
    options: PublishOptions = {},
  ): Observable<readonly ItemResult[]> {
    return this.#request(topicId, messages, options).pipe(
      catchError((thrown: unknown): Observable<readonly ItemResult[]> => {
        const error = toError(thrown);
        if (!(error instanceof PoisonError) || messages.length === 1) return of(messages.map(() => error));
        const middle = messages.length >> 1;
        return this.publish(topicId, messages.slice(0, middle), options).pipe(
          switchMap((first) => {
            const outage = first.find((result) => result !== undefined && !(result instanceof PoisonError));
            if (outage !== undefined) return of([...first, ...messages.slice(middle).map(() => outage)]);
            return this.publish(topicId, messages.slice(middle), options).pipe(map((second) => [...first, ...second]));
          }),
        );
      }),
    );
  }

  #request(
    topicId: string,
    messages: readonly OutgoingMessage[],
    { slot, giveUpAfterMs }: PublishOptions,
  ): Observable<readonly ItemResult[]> {
    const { connections, projectId, retry, timeoutMs, telemetry } = this.#options;
    const topic = `projects/${projectId}/topics/${topicId}`;
    const metadata = routedBy('topic', topic);
    let isRetried = false;
    return defer(async () => {
      const started = performance.now();
      try {
        const request = publishRequest(topic, messages);
        await connections.call((client) => callUnary(client, METHOD, request, { metadata, timeoutMs }));
      } catch (thrown) {
        throw asCallError(thrown);
      }
      this.#observeSeconds((performance.now() - started) / 1000);
      this.#works(topicId);
      return messages.map(() => undefined);
    }).pipe(
      retryWithBackoff(giveUpAfterMs === undefined ? retry : { ...retry, giveUpAfterMs }, {
        scheduler: this.#scheduler,
        failingSince: () => this.#failing.get(topicId)?.since,
        onRetry: (error, attempt) => {
          this.#fails(topicId, error, isRetried ? 0 : 1);
          isRetried = true;
          telemetry.event('publish.retried', { topic: topicId, attempt, error: error.message });
          slot?.pause(topicId, !isResourceRefused(error));
        },
        ...(slot === undefined ? {} : { beforeRetry: slot.resume }),
      }),
      catchError((error: Error) => {
        telemetry.event('publish.failed', { topic: topicId, messages: messages.length, error: error.message });
        throw error;
      }),
      finalize(() => {
        if (isRetried) this.#retriedNoMore(topicId);
      }),
    );
  }

  /** Marks a topic as failing until all of its requests succeed. Success on one topic does not clear another. */
  #fails(topicId: string, error: Error, requests: 0 | 1): void {
    const failing = this.#failing.get(topicId) ?? { requests: 0, since: undefined };
    this.#failing.set(topicId, failing);
    failing.requests += requests;
    failing.since ??= this.#scheduler.now();
    const { readiness, component } = this.#options;
    readiness.set(`${component}.${topicId}`, 'failing', `publishing to ${topicId} fails: ${error.message}`);
  }

  #works(topicId: string): void {
    const failing = this.#failing.get(topicId);
    if (failing === undefined) return;
    failing.since = undefined;
    this.#forgetIfWorking(topicId, failing);
  }

  #retriedNoMore(topicId: string): void {
    const failing = this.#failing.get(topicId);
    if (failing === undefined) return;
    failing.requests -= 1;
    this.#forgetIfWorking(topicId, failing);
  }

  #forgetIfWorking(topicId: string, { requests, since }: Failing): void {
    if (requests > 0 || since !== undefined) return;
    this.#failing.delete(topicId);
    const { readiness, component } = this.#options;
    readiness.set(`${component}.${topicId}`, 'ok');
  }
}
