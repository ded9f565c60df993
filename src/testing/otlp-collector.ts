import { createServer } from 'node:http';
import type { Socket } from 'node:net';
import * as v from 'valibot';
import { listen } from '../sandbox/listen.ts';

const hex = (digits: number) => v.pipe(v.string(), v.regex(new RegExp(`^[0-9a-f]{${digits}}$`)));
const attributeSchema = v.object({
  key: v.string(),
  value: v.union([
    v.strictObject({ stringValue: v.string() }),
    v.strictObject({ intValue: v.union([v.number(), v.string()]) }),
    v.strictObject({ doubleValue: v.number() }),
    v.strictObject({ boolValue: v.boolean() }),
  ]),
});
const attributesSchema = v.pipe(
  v.optional(v.array(attributeSchema), []),
  v.transform((all) => Object.fromEntries(all.map(({ key, value }) => [key, Object.values(value)[0]]))),
);
const linkSchema = v.object({ traceId: hex(32), spanId: hex(16) });
const spanSchema = v.object({
  traceId: hex(32),
  spanId: hex(16),
  parentSpanId: v.optional(v.union([v.literal(''), hex(16)]), ''),
  name: v.string(),
  kind: v.number(),
  startTimeUnixNano: v.pipe(v.string(), v.regex(/^\d{19}$/)),
  endTimeUnixNano: v.pipe(v.string(), v.regex(/^\d{19}$/)),
  attributes: attributesSchema,
  events: v.optional(
    v.array(v.object({ name: v.string(), timeUnixNano: v.string(), attributes: attributesSchema })),
    [],
  ),
  links: v.optional(v.array(linkSchema), []),
  status: v.object({ code: v.optional(v.number(), 0), message: v.optional(v.string(), '') }),
});
const requestSchema = v.strictObject({
  resourceSpans: v.array(
    v.object({
      resource: v.object({ attributes: attributesSchema }),
      scopeSpans: v.array(v.object({ scope: v.object({ name: v.string() }), spans: v.array(spanSchema) })),
    }),
  ),
});

/** A span as the collector received it, with the name of its service. */
export interface CollectedSpan extends v.InferOutput<typeof spanSchema> {
  readonly service: unknown;
  readonly resource: Readonly<Record<string, unknown>>;
}

/** A collector that accepts OTLP over HTTP as JSON, and checks its format (opentelemetry-proto, `trace.proto`). */
export interface OtlpCollector {
  /** For `OTEL_EXPORTER_OTLP_ENDPOINT`. */
  readonly url: string;
  readonly spans: readonly CollectedSpan[];
  /** Path and query of each request. */
  readonly urls: readonly string[];
  /** Requests that were not OTLP. */
  readonly problems: readonly string[];
  /** Forgets the spans so far. */
  forget(): void;
  close(): Promise<void>;
}

/** @param answer status of its responses; `silent` never responds. */
export async function startOtlpCollector(answer: 200 | 400 | 'silent' = 200): Promise<OtlpCollector> {
  const spans: CollectedSpan[] = [];
  const urls: string[] = [];
  const problems: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray()).toString();
    urls.push(request.url ?? '');
    if (answer === 'silent') return;
    const isTraces = request.url === '/v1/traces' && request.headers['content-type'] === 'application/json';
    const parsed = v.safeParse(requestSchema, JSON.parse(body));
    if (!isTraces || !parsed.success) {
      const issues = parsed.success ? '' : parsed.issues.map((issue) => `${v.getDotPath(issue)}: ${issue.message}`);
      problems.push(`${request.url} ${request.headers['content-type']} ${issues}`);
    } else if (answer === 200) {
      for (const { resource, scopeSpans } of parsed.output.resourceSpans) {
        for (const span of scopeSpans.flatMap((scope) => scope.spans)) {
          spans.push({ ...span, service: resource.attributes['service.name'], resource: resource.attributes });
        }
      }
    }
    response.writeHead(answer, { 'content-type': 'application/json' }).end('{}');
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  return {
    url: `http://127.0.0.1:${await listen(server)}`,
    spans,
    urls,
    problems,
    forget: () => {
      spans.length = 0;
    },
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
