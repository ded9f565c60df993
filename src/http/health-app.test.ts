import { Counter, Registry } from 'prom-client';
import * as assert from 'uvu/assert';
import { Readiness } from '../core/readiness.ts';
import { suite } from '../testing/suite.ts';
import { healthApp } from './health-app.ts';

function app() {
  const readiness = new Readiness();
  const registry = new Registry();
  new Counter({ name: 'things_total', help: 'Things.', registers: [registry] }).inc(3);
  return { readiness, registry, app: healthApp({ service: 's', readiness: () => readiness.report, registry }) };
}

suite('health app', ({ test }) => {
  test('reports alive whatever the readiness', async () => {
    const { app: hono, readiness } = app();
    readiness.set('broker', 'failing', 'down');
    const response = await hono.request('/healthz');
    assert.is(response.status, 200);
    assert.equal(await response.json(), { status: 'ok', service: 's' });
  });

  test('reports ready, degraded or not, until a part fails, with the reason', async () => {
    const { app: hono, readiness } = app();
    assert.is((await hono.request('/readyz')).status, 200);
    readiness.set('redis', 'degraded', 'skipped');
    const degraded = await hono.request('/readyz');
    assert.is(degraded.status, 200);
    assert.match(await degraded.text(), '"degraded":true');
    readiness.set('broker', 'failing', 'not connected');
    const red = await hono.request('/readyz');
    assert.is(red.status, 503);
    assert.equal(await red.json(), {
      service: 's',
      ready: false,
      degraded: true,
      components: {
        redis: { state: 'degraded', detail: 'skipped' },
        broker: { state: 'failing', detail: 'not connected' },
      },
    });
    readiness.set('broker', 'ok');
    assert.is((await hono.request('/readyz')).status, 200);
  });

  test('serves the metrics in Prometheus format', async () => {
    const { app: hono } = app();
    const response = await hono.request('/metrics');
    assert.is(response.status, 200);
    assert.match(response.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/);
    assert.match(await response.text(), '# TYPE things_total counter\nthings_total 3');
  });

  test('serves nothing else', async () => {
    const { app: hono } = app();
    assert.is((await hono.request('/other')).status, 404);
    assert.is((await hono.request('/metrics', { method: 'POST' })).status, 404);
  });
});
