/** What a handler sees of a request. */
export interface Call {
  /** A part of the path; the route names it. */
  param(name: string): string;
  /** A query parameter that is not empty. */
  query(name: string): string | undefined;
  header(name: string): string | undefined;
  /** The JSON body; empty when there is none. */
  readonly body: Record<string, unknown>;
}

/** One method of the API. */
export interface Route {
  /** Its name in Google's discovery document, without `bigquery.`: `tables.get`. */
  readonly api: string;
  readonly verb: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Under the root, with Hono's parameters: `/projects/:project/datasets`. */
  readonly path: string;
  /** Returns the body of the reply, undefined for 204; throws an ApiError. */
  handle(call: Call): unknown;
}
