import type { HttpBindings } from '@hono/node-server';
import { Hono } from 'hono';
import { Faults, InjectedError, LostResponse } from '../faults/faults.ts';
import { loseResponse, withRetryAfter } from '../faults/http-faults.ts';
import { serveHttp } from '../http-server.ts';
import { Permissions } from '../permissions.ts';
import type { SandboxServer } from '../server.ts';
import { ApiError, accessDenied, invalid, isObject, notImplemented } from './api.ts';
import { openCatalog } from './catalog.ts';
import { catalogOperations } from './catalog-operations.ts';
import { failRows } from './fail-rows.ts';
import { jobOperations } from './job-operations.ts';
import { parseLossless } from './lossless-json.ts';
import { permissionsOf } from './permissions.ts';
import { checkParameters } from './query-parameters.ts';
import { rowOperations } from './row-operations.ts';
import type { Settings } from './settings.ts';

const MAX_REQUEST_BYTES = 10 * 1024 * 1024;
const MAX_CHARACTER_BYTES = 3;

/**
 * Starts an in-memory BigQuery with enough of REST v2 for the official clients. It refuses what it cannot do: an
 * unknown call with 501 `notImplemented`, an unknown parameter with 400. It checks rows, columns, partitions and
 * clusters like the service; `docs/sandbox.md` lists the supported SQL, and undocumented behavior.
 *
 * Differences: one caller, with every permission that is not denied; no If-Match or expiration; clusters are only
 * shown.
 */
export async function startBigQuery({
  port = 0,
  faults = new Faults(),
  now = Date.now,
  settings = { schemaDelayMs: 0 },
  permissions = new Permissions(),
}: {
  readonly port?: number;
  readonly faults?: Faults;
  /** The clock of insert ids, partition bounds and creation times, in milliseconds since 1970. */
  readonly now?: () => number;
  /** May be changed while the server runs. */
  readonly settings?: Settings;
  readonly permissions?: Permissions;
} = {}): Promise<SandboxServer> {
  const catalog = await openCatalog(now, settings);
  const operations = {
    ...catalogOperations(catalog, permissions),
    ...rowOperations(catalog),
    ...jobOperations(catalog),
  };
  const app = new Hono<{ Bindings: HttpBindings }>();
  for (const [operation, handle] of Object.entries(operations)) {
    const [name = '', method = '', path = ''] = operation.split(' ');
    // The client omits the root if BIGQUERY_EMULATOR_HOST is set.
    app.on(method, [path, `/bigquery/v2${path}`], async ({ req }) => {
      const { project = '', dataset = '', table = '', job = '' }: Partial<Record<string, string>> = req.param();
      // Every call passes here, with the operation's name and its resource.
      const text = await req.text();
      const query = req.query();
      checkParameters(name, query);
      const body = parseBody(text, JSON.parse);
      const losslessBody = () => parseBody(text, parseLossless);
      const call = { project, dataset, table: table.replace(/:\w+$/, ''), job, query, body, text, losslessBody };
      const reply = await faults.pass({ server: 'bigquery', method: name, resource: `${dataset}.${table}` }, (rows) => {
        const lacking = permissions.check(name, permissionsOf(name, body));
        if (lacking !== undefined) throw accessDenied(lacking, call);
        return rows === undefined ? handle(call) : failRows(rows, call, handle);
      });
      return reply === undefined ? new Response(null, { status: 204 }) : Response.json(reply);
    });
  }
  app.notFound(({ req }) => notImplemented(`${req.method} ${req.path}`).toResponse());
  app.onError((error, context) => {
    if (error instanceof LostResponse) return loseResponse(context);
    if (error instanceof InjectedError) {
      const { code, reason, message } = error.fault;
      return withRetryAfter(new ApiError(Number(code), reason, message).toResponse(), error);
    }
    if (error instanceof SyntaxError) return invalid('Invalid JSON payload received.').toResponse();
    return (error instanceof ApiError ? error : new ApiError(500, 'internalError', String(error))).toResponse();
  });
  const server = await serveHttp(app.fetch, port).catch((error: unknown) => {
    catalog.close();
    throw error;
  });
  return { port: server.port, close: () => server.close().finally(catalog.close) };
}

function parseBody(text: string, parse: (text: string) => unknown): Record<string, unknown> {
  if (text.length > MAX_REQUEST_BYTES / MAX_CHARACTER_BYTES && Buffer.byteLength(text) > MAX_REQUEST_BYTES) {
    const message = `Request payload size exceeds the limit: ${MAX_REQUEST_BYTES} bytes.`;
    throw new ApiError(400, 'badRequest', message);
  }
  const body = parse(text || '{}');
  return isObject(body) ? body : {};
}
