import type { HttpBindings } from '@hono/node-server';
import type { Context } from 'hono';
import type { InjectedError } from './faults.ts';

/** Breaks the connection of a call. */
export function loseResponse(context: Context<{ Bindings: HttpBindings }>): Response {
  context.env.incoming.socket.destroy();
  return new Response(null, { status: 500 });
}

/** Adds the header of a quota error. */
export function withRetryAfter(response: Response, { fault }: InjectedError): Response {
  if (fault.retryAfterSeconds !== undefined) response.headers.set('Retry-After', String(fault.retryAfterSeconds));
  return response;
}
