import { hostname } from 'node:os';
import { type ExportResult, ExportResultCode } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import {
  AlwaysOnSampler,
  BatchSpanProcessor,
  type ReadableSpan,
  type SpanExporter,
  type SpanProcessor,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import { packageVersion } from '../util/version.ts';
import type { SpanCounts } from './telemetry.ts';
import { LONGEST_VALUE } from './tracing.ts';

/** Spans that wait for the collector, besides the 512 at most that are being sent. Further ones are dropped. */
const MAX_WAITING = 2_048;
/** Links of one span: the traced messages of a request. The first ones of more are left out and counted in the span. */
const MAX_LINKS = 1_000;

export interface OtlpOptions {
  /** Address of the collector, such as `http://127.0.0.1:4318`; `/v1/traces` is appended to its path. */
  readonly endpoint: string;
  /** The resource's `service.name`, unless `OTEL_SERVICE_NAME` or `OTEL_RESOURCE_ATTRIBUTES` set it. */
  readonly serviceName: string;
  readonly counts: SpanCounts;
  readonly onFailed: (error: Error, spans: number) => void;
}

/**
 * Opens a provider that sends spans to a collector: OTLP over HTTP as JSON, one request of at most 512 spans at a time,
 * as soon as 512 wait or five seconds after the first. At most 2,048 wait; further ones are dropped. Values are cut after
 * 4,096 characters. The exporter's variables of headers, timeout, compression and certificates apply, such as
 * `OTEL_EXPORTER_OTLP_HEADERS` (https://opentelemetry.io/docs/specs/otel/protocol/exporter/).
 */
export function openOtlpProvider({ endpoint, serviceName, counts, onFailed }: OtlpOptions): TracerProvider {
  const own = resourceFromAttributes({
    'service.name': serviceName,
    'service.version': packageVersion(),
    'service.instance.id': hostname(),
  });
  const url = new URL(endpoint);
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/v1/traces`;
  const exporter = new OTLPTraceExporter({ url: url.href });
  return new TracerProvider({
    resource: own.merge(detectResources({ detectors: [envDetector] })),
    // `Tracing` chooses the messages.
    sampler: new AlwaysOnSampler(),
    spanLimits: { linkCountLimit: MAX_LINKS, attributeValueLengthLimit: LONGEST_VALUE },
    spanProcessors: [
      new BatchSpanProcessor({ exporter: countedExporter(exporter, counts, onFailed), maxQueueSize: MAX_WAITING }),
      countEnded(counts),
    ],
  });
}

function countEnded(counts: SpanCounts): SpanProcessor {
  return {
    onStart() {},
    onEnd() {
      counts.ended += 1;
    },
    forceFlush: async () => {},
    shutdown: async () => {},
  };
}

function countedExporter(exporter: SpanExporter, counts: SpanCounts, onFailed: OtlpOptions['onFailed']): SpanExporter {
  return {
    export(spans: ReadableSpan[], done: (result: ExportResult) => void) {
      exporter.export(spans, (result) => {
        if (result.code === ExportResultCode.SUCCESS) counts.exported += spans.length;
        else {
          counts.failed += spans.length;
          onFailed(result.error ?? new Error('the collector refused them'), spans.length);
        }
        done(result);
      });
    },
    shutdown: () => exporter.shutdown(),
    forceFlush: async () => exporter.forceFlush?.(),
  };
}
