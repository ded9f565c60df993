import {
  type Context,
  type Link,
  ROOT_CONTEXT,
  type Span,
  type Attributes as SpanAttributes,
  SpanKind,
  SpanStatusCode,
  type TextMapGetter,
  type TextMapSetter,
  type Tracer,
  type TracerProvider,
  trace,
} from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { PoisonError, toError } from '../core/errors.ts';
import type { Ending } from '../core/ledger.ts';
import type { Attributes, Original } from '../core/message.ts';
import type { MessageTrace } from '../core/message-trace.ts';
import { packageVersion } from '../util/version.ts';

/** Characters of an error in a span's status, and of a value. Errors of hooks and servers may contain whole messages. */
export const LONGEST_VALUE = 4_096;

export interface TracingOptions {
  readonly provider: TracerProvider;
  /** The share of messages without a trace context that start a trace: 0 to 1. */
  readonly ratio: number;
  /** Sends what has ended, and stops. */
  readonly shutdown?: () => Promise<void>;
  /** Called with an error that the provider has thrown. Its span is incomplete or missing. */
  readonly onError?: (error: Error) => void;
}

/** Runs code of the provider. Returns undefined if it throws. */
type Guard = <T>(record: () => T) => T | undefined;

/** A request to another server that carries traced messages. */
export interface RequestTrace {
  /** Records that the request is repeated. */
  retried(): void;
  /** Ends the span; with an error if messages of the request failed. */
  end(error?: Error): void;
}

/** A span's name and attributes. A name has few different values: no ids, no places, no MQTT topics. */
export interface SpanDescription {
  /** Verb, and target if there are few, such as `publish raw`. */
  readonly name: string;
  readonly attributes: SpanAttributes;
}

/**
 * Records the spans of one service with OpenTelemetry: one for each traced message, from receipt to settlement, and one
 * for each request with traced messages, which links to them as they link to it.
 *
 * A message is traced if its attributes continue a sampled trace, or else by chance (`ratio`). The context comes from
 * `googclient_traceparent`, which Google's clients write and read, or from `traceparent`, in the format of
 * https://www.w3.org/TR/trace-context/. Names follow OpenTelemetry's conventions for messaging.
 *
 * A provider runs code of the program that it belongs to, such as samplers and processors. An error that it throws costs
 * a span, never a message.
 */
export class Tracing {
  readonly #tracer: Tracer;
  readonly #ratio: number;
  readonly #shutdown: () => Promise<void>;
  readonly #guard: Guard;

  constructor({ provider, ratio, shutdown = async () => {}, onError = () => {} }: TracingOptions) {
    this.#tracer = provider.getTracer('dataflow-services', packageVersion());
    this.#ratio = ratio;
    this.#shutdown = shutdown;
    this.#guard = (record) => {
      try {
        return record();
      } catch (thrown) {
        onError(toError(thrown));
        return undefined;
      }
    };
  }

  /**
   * Starts the trace of a message.
   *
   * @param input the full name of the subscription, such as `projects/p/subscriptions/s`; not used for MQTT.
   */
  startMessage(original: Original, input: string): MessageTrace | undefined {
    const parent = this.#parentOf(original.attributes);
    if (parent === undefined) return undefined;
    const { name, attributes } = original.messageId === undefined ? mqttSpan(original) : pubsubSpan(original, input);
    return this.#guard(() => {
      const span = this.#tracer.startSpan(name, { kind: SpanKind.CONSUMER, attributes }, parent);
      return span.isRecording() ? new RecordedMessage(this.#tracer, span, this.#guard) : undefined;
    });
  }

  /** Starts the span of a request; undefined if none of its messages is traced. */
  startRequest(messages: Iterable<MessageTrace | undefined>, description: SpanDescription): RequestTrace | undefined {
    const traced: RecordedMessage[] = [];
    for (const message of messages) if (message instanceof RecordedMessage) traced.push(message);
    if (traced.length === 0) return undefined;
    const span = this.#guard(() =>
      this.#tracer.startSpan(
        description.name,
        {
          // Also a publish request: a message carries the context of its own span, not of the request's.
          kind: SpanKind.CLIENT,
          attributes: description.attributes,
          links: traced.map((message) => message.link),
        },
        ROOT_CONTEXT,
      ),
    );
    if (span === undefined) return undefined;
    for (const message of traced) message.joins(span);
    return new RecordedRequest(span, this.#guard);
  }

  /** Sends the spans that have ended. Resolves also if the collector does not answer. */
  shutdown(): Promise<void> {
    return this.#shutdown();
  }

  /** Returns the context that a message's span belongs to; undefined if the message is not traced. */
  #parentOf(attributes: Attributes): Context | undefined {
    // Most messages have no context.
    const hasContext = attributes.googclient_traceparent !== undefined || attributes.traceparent !== undefined;
    for (const getter of hasContext ? GETTERS : []) {
      const context = PROPAGATOR.extract(ROOT_CONTEXT, attributes, getter);
      const found = trace.getSpanContext(context);
      if (found !== undefined) return (found.traceFlags & SAMPLED) === 0 ? undefined : context;
    }
    return Math.random() < this.#ratio ? ROOT_CONTEXT : undefined;
  }
}

/** Flag of a sampled trace. */
const SAMPLED = 1;

/** Prefix of attributes that Google's clients use. */
const PREFIX = 'googclient_';

const PROPAGATOR = new W3CTraceContextPropagator();

/** Readers of the context, in order of precedence. */
const GETTERS: readonly TextMapGetter<Attributes>[] = [
  { get: (attributes, key) => attributes[PREFIX + key], keys: Object.keys },
  { get: (attributes, key) => attributes[key], keys: Object.keys },
];

const TO_ATTRIBUTES: TextMapSetter<Record<string, string>> = {
  set: (attributes, key, value) => {
    // A trace state that was not valid is empty.
    if (value !== '') attributes[PREFIX + key] = value;
  },
};

function mqttSpan({ attributes, data }: Original): SpanDescription {
  return {
    // A topic has too many values for a name.
    name: 'process',
    attributes: {
      ...processing('mqtt', data),
      ...(attributes.mqtt_topic === undefined ? {} : { 'messaging.destination.name': cut(attributes.mqtt_topic) }),
    },
  };
}

function pubsubSpan({ messageId, data, orderingKey }: Original, subscription: string): SpanDescription {
  const subscriptionId = subscription.slice(subscription.lastIndexOf('/') + 1);
  return {
    name: `process ${subscriptionId}`,
    attributes: {
      ...processing('gcp_pubsub', data),
      'messaging.destination.subscription.name': subscriptionId,
      ...(messageId === undefined ? {} : { 'messaging.message.id': messageId }),
      ...(orderingKey === '' ? {} : { 'messaging.gcp_pubsub.message.ordering_key': orderingKey }),
    },
  };
}

function processing(system: string, data: Uint8Array): SpanAttributes {
  return {
    'messaging.system': system,
    'messaging.operation.type': 'process',
    'messaging.operation.name': 'process',
    'messaging.message.body.size': data.byteLength,
  };
}

class RecordedMessage implements MessageTrace {
  readonly #tracer: Tracer;
  readonly #span: Span;
  readonly #context: Context;
  readonly #guard: Guard;
  #isEnded = false;

  constructor(tracer: Tracer, span: Span, guard: Guard) {
    this.#tracer = tracer;
    this.#span = span;
    this.#guard = guard;
    this.#context = trace.setSpan(ROOT_CONTEXT, span);
  }

  get link(): Link {
    return { context: this.#span.spanContext() };
  }

  get attributes(): Attributes {
    const attributes: Record<string, string> = {};
    this.#guard(() => PROPAGATOR.inject(this.#context, attributes, TO_ATTRIBUTES));
    return attributes;
  }

  /** Records that a request carries the message. */
  joins(request: Span): void {
    this.#guard(() => {
      this.#span.addLink({ context: request.spanContext() });
      this.#span.addEvent('flushed');
    });
  }

  pass(stage: string): void {
    this.#guard(() => this.#span.addEvent(stage));
  }

  begin(work: string): (error?: Error) => void {
    const span = this.#guard(() => this.#tracer.startSpan(work, {}, this.#context));
    return (error) =>
      this.#guard(() => {
        if (error !== undefined && span !== undefined) recordFailure(span, error);
        span?.end();
      });
  }

  fail(error: Error): void {
    this.#guard(() => {
      recordFailure(this.#span, error);
      const { name, message, stack = '' } = error;
      this.#span.recordException({ name, message: cut(message), stack: cut(stack) });
    });
  }

  end(ending: Ending): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#guard(() => {
      this.#span.setAttribute('dataflow.outcome', OUTCOMES[ending]);
      if (ending === 'expired') {
        this.#span.setStatus({ code: SpanStatusCode.ERROR, message: 'its lease or session expired' });
        this.#span.setAttribute('error.type', ending);
      }
      this.#span.end();
    });
  }
}

/** Copies the beginning of a long text, because a slice would keep all of it in memory. */
function cut(text: string): string {
  return text.length <= LONGEST_VALUE ? text : Buffer.from(text.slice(0, LONGEST_VALUE)).toString();
}

/** Fails a span, with a type from few different values: the reason of a PoisonError, or else the error's name. */
function recordFailure(span: Span, error: Error): void {
  span.setStatus({ code: SpanStatusCode.ERROR, message: cut(error.message) });
  span.setAttribute('error.type', error instanceof PoisonError ? error.reason : error.name);
}

/** Outcomes by their names in metrics. */
const OUTCOMES: Readonly<Record<Ending, string>> = {
  ...{ acked: 'acked', nacked: 'nacked', deadLettered: 'dead_lettered', dropped: 'dropped', expired: 'expired' },
};

class RecordedRequest implements RequestTrace {
  readonly #span: Span;
  readonly #guard: Guard;

  constructor(span: Span, guard: Guard) {
    this.#span = span;
    this.#guard = guard;
  }

  retried(): void {
    this.#guard(() => this.#span.addEvent('retried'));
  }

  end(error?: Error): void {
    this.#guard(() => {
      if (error !== undefined) recordFailure(this.#span, error);
      this.#span.end();
    });
  }
}
