import { type Context, Hono } from 'hono';
import { serveHttp } from '../http-server.ts';
import type { SandboxServer } from '../server.ts';
import { ApiError } from './api-error.ts';
import { Catalog } from './catalog.ts';
import { Database } from './database.ts';
import { datasetRoutes } from './dataset-routes.ts';
import { jobRoutes } from './job-routes.ts';
import { isObject } from './json.ts';
import type { Call, Route } from './route.ts';
import { tableRoutes } from './table-routes.ts';
import { tabledataRoutes } from './tabledata-routes.ts';

/** Of one HTTP request, see https://cloud.google.com/bigquery/quotas#streaming_inserts. */
const MAX_REQUEST_BYTES = 10 * 1024 * 1024;

/** The paths' roots: the client leaves the second out when BIGQUERY_EMULATOR_HOST is set. */
const ROOTS = ['', '/bigquery/v2'];

/**
 * Starts a BigQuery in memory that speaks enough of REST v2 for the official client: datasets, tables, streaming
 * inserts, reading rows, and SELECT. What it cannot do it refuses with an error of the API's shape.
 */
export async function startBigQuery({ port = 0 }: { port?: number } = {}): Promise<SandboxServer> {
  const database = await Database.open();
  const catalog = new Catalog(database);
  const app = new Hono();
  const routes = [datasetRoutes(catalog), tableRoutes(catalog), tabledataRoutes(catalog), jobRoutes(database, catalog)];
  for (const route of routes.flat()) {
    for (const root of ROOTS) app.on(route.verb, `${root}${route.path}`, (context) => answer(route, context));
  }
  app.notFound(({ req }) =>
    errorReply(
      new ApiError(404, 'notFound', 'NOT_FOUND', `Not found: ${req.method} ${req.path} (no such method here)`),
    ),
  );
  app.onError((error) => errorReply(error));
  const server = await serveHttp(app.fetch, port).catch((error: unknown) => {
    database.close();
    throw error;
  });
  return {
    port: server.port,
    async close() {
      await server.close();
      database.close();
    },
  };
}

/** The one way in to every method: what is to fail or to be slow is put between here and `handle`. */
async function answer(route: Route, context: Context): Promise<Response> {
  const { req } = context;
  const call: Call = {
    param: (name) => req.param(name) ?? '',
    query: (name) => req.query(name) || undefined,
    header: (name) => req.header(name),
    body: route.verb === 'POST' || route.verb === 'PATCH' ? await readBody(context) : {},
  };
  const reply = await route.handle(call);
  return reply === undefined ? new Response(null, { status: 204 }) : Response.json(reply);
}

async function readBody({ req }: Context): Promise<Record<string, unknown>> {
  const text = Number(req.header('content-length') ?? 0) > MAX_REQUEST_BYTES ? undefined : await req.text();
  if (text === undefined || Buffer.byteLength(text) > MAX_REQUEST_BYTES) {
    const message = `Request payload size exceeds the limit: ${MAX_REQUEST_BYTES} bytes.`;
    throw new ApiError(413, 'uploadTooLarge', 'INVALID_ARGUMENT', message);
  }
  try {
    const body: unknown = text === '' ? {} : JSON.parse(text);
    if (isObject(body)) return body;
  } catch {
    // Refused below, as is every other thing that is no object.
  }
  throw new ApiError(400, 'parseError', 'INVALID_ARGUMENT', 'Invalid JSON payload received.');
}

function errorReply(error: unknown): Response {
  const known =
    error instanceof ApiError
      ? error
      : new ApiError(500, 'internalError', 'INTERNAL', `An internal error occurred: ${error}`);
  return Response.json(known.body(), { status: known.code });
}
