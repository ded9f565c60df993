import type { v1 } from '@google-cloud/pubsub';
import { catchError, defer, finalize, map, type Observable, of, type SchedulerLike, switchMap } from 'rxjs';
import { callUnary, grpcClientOf, routedBy } from '../../clients/grpc-client.ts';
import { asCallError } from '../../clients/grpc-errors.ts';
import { PoisonError, toError } from '../../core/errors.ts';
import type { Readiness } from '../../core/readiness.ts';
import type { Slot } from '../../operators/batch-into.ts';
import { type RetryPolicy, retryWithBackoff } from '../../operators/retry-with-backoff.ts';
import { CALL_SECONDS, type Telemetry } from '../../telemetry/telemetry.ts';
import type { OutgoingMessage } from './limits.ts';
import { publishRequest } from './publish-request.ts';

const METHOD = '/google.pubsub.v1.Publisher/Publish';

export interface PublisherOptions {
  readonly client: v1.PublisherClient;
  readonly projectId: string;
  readonly retry: RetryPolicy;
  readonly timeoutMs: number;
  readonly telemetry: Telemetry;
  readonly readiness: Readiness;
  /** Name of this part in readiness reports, for example `publish`. */
  readonly component: string;
  readonly scheduler?: SchedulerLike;
}

/** What became of one message of a request: undefined is success. */
export type PublishResult = readonly (Error | undefined)[];

/** Publishes requests to Pub/Sub: retries outages, and finds the one message that Pub/Sub refuses. */
export class Publisher {
  readonly #options: PublisherOptions;
  readonly #observeSeconds: (seconds: number) => void;
  /** Requests being tried again, by topic. Topics are those of the configuration: few. */
  readonly #failing = new Map<string, number>();

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.#observeSeconds = options.telemetry.histogram(
      `dataflow_${options.component}_seconds`,
      'Time of one publish request, without retries.',
      CALL_SECONDS,
    );
  }

  /**
   * Publishes messages in one request and emits what became of each, in their order. A request that Pub/Sub refuses
   * (INVALID_ARGUMENT) is halved until the refused message stands alone: one bad message costs one message. The halves
   * follow each other, and the second is not tried after an outage of the first, so that order is kept.
   *
   * @param slot of the batch that the request is made of: given up while the request waits for its next try.
   */
  publish(topicId: string, messages: readonly OutgoingMessage[], slot?: Slot): Observable<PublishResult> {
    return this.#request(topicId, messages, slot).pipe(
      catchError((thrown: unknown): Observable<PublishResult> => {
        const error = toError(thrown);
        if (!(error instanceof PoisonError) || messages.length === 1) return of(messages.map(() => error));
        const middle = messages.length >> 1;
        return this.publish(topicId, messages.slice(0, middle), slot).pipe(
          switchMap((first) => {
            const outage = first.find((result) => result !== undefined && !(result instanceof PoisonError));
            if (outage !== undefined) return of([...first, ...messages.slice(middle).map(() => outage)]);
            return this.publish(topicId, messages.slice(middle), slot).pipe(map((second) => [...first, ...second]));
          }),
        );
      }),
    );
  }

  #request(topicId: string, messages: readonly OutgoingMessage[], slot: Slot | undefined): Observable<PublishResult> {
    const { client, projectId, retry, timeoutMs, telemetry, scheduler } = this.#options;
    const topic = `projects/${projectId}/topics/${topicId}`;
    const metadata = routedBy('topic', topic);
    let failing = false;
    return defer(async () => {
      const started = performance.now();
      try {
        const request = publishRequest(topic, messages);
        await callUnary(await grpcClientOf(client), METHOD, request, { metadata, timeoutMs });
      } catch (thrown) {
        throw asCallError(thrown);
      }
      this.#observeSeconds((performance.now() - started) / 1000);
      return messages.map(() => undefined);
    }).pipe(
      retryWithBackoff(retry, {
        onRetry: (error, attempt) => {
          if (!failing) this.#requestFails(topicId, 1);
          failing = true;
          this.#report(topicId, error);
          telemetry.event('publish.retried', { topic: topicId, attempt, error: error.message });
          slot?.pause(topicId);
        },
        ...(slot === undefined ? {} : { beforeRetry: slot.resume }),
        ...(scheduler === undefined ? {} : { scheduler }),
      }),
      catchError((error: Error) => {
        telemetry.event('publish.failed', { topic: topicId, messages: messages.length, error: error.message });
        throw error;
      }),
      finalize(() => {
        if (!failing) return;
        this.#requestFails(topicId, -1);
        this.#report(topicId, undefined);
      }),
    );
  }

  /** Counts the requests of a topic that are being tried again: one that succeeds says nothing about another topic. */
  #requestFails(topicId: string, change: 1 | -1): void {
    this.#failing.set(topicId, (this.#failing.get(topicId) ?? 0) + change);
  }

  #report(topicId: string, error: Error | undefined): void {
    const { readiness, component } = this.#options;
    const part = `${component}.${topicId}`;
    if (error !== undefined) readiness.set(part, 'failing', `publishing to ${topicId} fails: ${error.message}`);
    else if (this.#failing.get(topicId) === 0) readiness.set(part, 'ok');
  }
}
