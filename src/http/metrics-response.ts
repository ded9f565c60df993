import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Context } from 'hono';
import { accepts } from 'hono/accepts';
import { Registry } from 'prom-client';

const compressed = promisify(gzip);

const OPEN_METRICS = 'application/openmetrics-text';

/**
 * Answers a scrape in the format and encoding that the request prefers: the text format of Prometheus or OpenMetrics,
 * as it is or by gzip.
 */
export async function metricsResponse(context: Context, registry: Registry): Promise<Response> {
  const text = await registry.metrics();
  const format = accepts(context, { header: 'Accept', supports: [OPEN_METRICS, 'text/plain'], default: 'text/plain' });
  const isOpen = format === OPEN_METRICS;
  const body = isOpen ? openMetrics(text) : text;
  const headers = {
    'content-type': isOpen ? Registry.OPENMETRICS_CONTENT_TYPE : Registry.PROMETHEUS_CONTENT_TYPE,
    vary: 'Accept, Accept-Encoding',
  };
  const encoding = accepts(context, {
    header: 'Accept-Encoding',
    supports: ['gzip', 'identity'],
    default: 'identity',
  });
  if (encoding !== 'gzip') return context.body(body, 200, headers);
  return context.body(new Uint8Array(await compressed(body)), 200, { ...headers, 'content-encoding': 'gzip' });
}

/**
 * Converts the text format of Prometheus to OpenMetrics, in which a counter is described without `_total`. prom-client's
 * own OpenMetrics is a setting of the whole registry, and renames its counters for good.
 */
export function openMetrics(text: string): string {
  const counters = new Set(Array.from(text.matchAll(/^# TYPE (\w+)_total counter$/gm), ([, name = '']) => name));
  const lines = text.split('\n').flatMap((line) => {
    if (line === '') return [];
    const [, keyword, name = '', rest = ''] = /^# (HELP|TYPE) (\w+) (.*)$/.exec(line) ?? [];
    if (keyword === undefined) return [line];
    const family = name.replace(/_total$/, '');
    const described = counters.has(family) && name !== family ? family : name;
    return [`# ${keyword} ${described} ${keyword === 'HELP' ? rest.replaceAll('"', '\\"') : rest}`];
  });
  return `${[...lines, '# EOF'].join('\n')}\n`;
}
