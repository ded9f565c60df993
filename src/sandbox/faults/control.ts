import { Hono } from 'hono';
import { serveHttp } from '../http-server.ts';
import type { SandboxServer } from '../server.ts';
import type { Fault, Faults } from './faults.ts';

const shown = ({ id, rule, matched, fired }: Fault) => ({ id, rule, matched, fired });

/** Serves the rules of a sandbox: `GET`, `POST` and `DELETE /faults`, `DELETE /faults/:id`. */
export function startControl(faults: Faults, port: number): Promise<SandboxServer> {
  const app = new Hono()
    .get('/faults', (context) => context.json(faults.list().map(shown)))
    .post('/faults', async (context) => {
      try {
        return context.json(shown(faults.add(await context.req.json())), 201);
      } catch (error) {
        return context.json({ error: error instanceof Error ? error.message : String(error) }, 400);
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
  return serveHttp(app.fetch, port);
}
