import type { TracerProvider } from '@opentelemetry/api';
import { maskAddress } from '../config/schema-walk.ts';
import { Delivery } from '../core/delivery.ts';
import type { CommonConfig } from './config.ts';
import type { ServiceContext } from './service-context.ts';

/**
 * Starts tracing if a collector is configured or a provider was injected: OpenTelemetry's modules are loaded only then.
 * Each stage that a traced message passes becomes an event of its span. `OTEL_SDK_DISABLED=true` turns the collector off.
 */
export async function openTracing(
  { telemetry, probes }: ServiceContext,
  { traces: { endpoint, ratio } }: Pick<CommonConfig, 'traces'>,
  injected: TracerProvider | undefined,
): Promise<void> {
  if (injected === undefined && (endpoint === undefined || isDisabled())) return;
  const { Tracing } = await import('../telemetry/tracing.ts');
  const onError = (error: Error) => telemetry.event('traces.record_failed', { error: error.message });
  if (injected !== undefined) telemetry.tracing = new Tracing({ provider: injected, ratio, onError });
  else if (endpoint !== undefined) {
    const { openOtlpProvider } = await import('../telemetry/otlp-provider.ts');
    const provider = openOtlpProvider({
      endpoint,
      serviceName: telemetry.pipeline,
      counts: telemetry.spans,
      onFailed: (error, spans) =>
        telemetry.event('traces.export_failed', { endpoint: maskAddress(endpoint), spans, error: error.message }),
    });
    telemetry.tracing = new Tracing({ provider, ratio, onError, shutdown: () => provider.shutdown().catch(() => {}) });
  }
  for (const { name, probe } of probes) {
    if (name === 'received') continue;
    probe.subscribe({
      next: (value) => {
        if (value instanceof Delivery) value.ackHandle.trace?.pass(name);
      },
      // A probe emits no errors.
      error: () => {},
    });
  }
}

/** Reads the variable as https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/ defines it. */
function isDisabled(): boolean {
  return process.env.OTEL_SDK_DISABLED?.toLowerCase() === 'true';
}
