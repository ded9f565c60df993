import { Hono } from 'hono';
import type { Registry } from 'prom-client';
import type { ReadinessReport } from '../core/readiness.ts';
import { metricsResponse } from './metrics-response.ts';

export interface HealthAppOptions {
  readonly service: string;
  readonly readiness: () => ReadinessReport;
  readonly registry: Registry;
}

/**
 * Serves `/healthz` (the process is alive), `/readyz` (200 while the service is connected and progressing or idle, else
 * 503 with the reason) and `/metrics` (Prometheus text or OpenMetrics).
 */
export function healthApp({ service, readiness, registry }: HealthAppOptions): Hono {
  return new Hono()
    .get('/healthz', (context) => context.json({ status: 'ok', service }))
    .get('/readyz', (context) => {
      const report = readiness();
      return context.json({ service, ...report }, report.ready ? 200 : 503);
    })
    .get('/metrics', (context) => metricsResponse(context, registry));
}
