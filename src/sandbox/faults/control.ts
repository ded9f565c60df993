import { Hono } from 'hono';
import { serveHttp } from '../http-server.ts';
import type { SandboxServer } from '../server.ts';
import type { SandboxSettings } from '../settings.ts';
import type { Fault, Faults } from './faults.ts';

const shown = ({ id, rule, matched, fired }: Fault) => ({ id, rule, matched, fired });

const messageOf = (error: unknown) => ({ error: error instanceof Error ? error.message : String(error) });

/**
 * Serves the rules and settings of a sandbox: `GET`, `POST` and `DELETE /faults`, `DELETE /faults/:id`; `GET` and
 * `PATCH /settings`.
 */
export function startControl(faults: Faults, settings: SandboxSettings, port: number): Promise<SandboxServer> {
  const app = new Hono()
    .get('/faults', (context) => context.json(faults.list().map(shown)))
    .post('/faults', async (context) => {
      try {
        return context.json(shown(faults.add(await context.req.json())), 201);
      } catch (error) {
        return context.json(messageOf(error), 400);
      }
    })
    .delete('/faults', (context) => {
      faults.clear();
      return context.body(null, 204);
    })
    .delete('/faults/:id', (context) => {
      const fault = faults.list().find(({ id }) => String(id) === context.req.param('id'));
      fault?.remove();
      return context.body(null, fault === undefined ? 404 : 204);
    });
  app
    .get('/settings', (context) => context.json(settings))
    .patch(async (context) => {
      try {
        settings.change(await context.req.json());
        return context.json(settings);
      } catch (error) {
        return context.json(messageOf(error), 400);
      }
    });
  return serveHttp(app.fetch, port);
}
