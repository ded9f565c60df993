import { gunzipSync } from 'node:zlib';
import { Counter, Registry } from 'prom-client';
import * as assert from 'uvu/assert';
import { Readiness } from '../core/readiness.ts';
import { suite } from '../testing/suite.ts';
import { healthApp } from './health-app.ts';
import { openMetrics } from './metrics-response.ts';

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

  const scraped = async (headers: Record<string, string>) => {
    const response = await app().app.request('/metrics', { headers });
    return {
      type: response.headers.get('content-type') ?? '',
      encoding: response.headers.get('content-encoding'),
      vary: response.headers.get('vary'),
      body: Buffer.from(await response.arrayBuffer()),
    };
  };

  test('serves OpenMetrics to those who prefer it', async () => {
    const prefers = 'application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2';
    const { type, vary, body } = await scraped({ accept: prefers });
    assert.match(type, /^application\/openmetrics-text; version=1\.0\.0/);
    assert.is(vary, 'Accept, Accept-Encoding');
    assert.is(`${body}`, '# HELP things Things.\n# TYPE things counter\nthings_total 3\n# EOF\n');
    for (const accept of ['text/plain', '*/*', 'text/html', 'application/openmetrics-text;q=0.1,text/plain'])
      assert.match((await scraped({ accept })).type, /^text\/plain; version=0\.0\.4/, accept);
  });

  test('leaves every other line of OpenMetrics as it is, and escapes quotes of help', () => {
    const text = '# HELP a_total Says "b".\n# TYPE a_total gauge\na_total{le="1"} 2\n\n# HELP c C.\n# TYPE c gauge\n';
    assert.is(
      openMetrics(text),
      '# HELP a_total Says \\"b\\".\n# TYPE a_total gauge\na_total{le="1"} 2\n# HELP c C.\n# TYPE c gauge\n# EOF\n',
    );
  });

  test('compresses the metrics for those who accept it', async () => {
    const plain = await scraped({});
    assert.is(plain.encoding, null);
    const { encoding, type, body } = await scraped({ 'accept-encoding': 'gzip, deflate' });
    assert.is(encoding, 'gzip');
    assert.match(type, /^text\/plain/);
    assert.equal(gunzipSync(body), plain.body);
    for (const refused of ['gzip;q=0', 'identity', 'br', 'gzip;q=0.1, identity'])
      assert.is((await scraped({ 'accept-encoding': refused })).encoding, null, refused);
  });

  test('serves nothing else', async () => {
    const { app: hono } = app();
    assert.is((await hono.request('/other')).status, 404);
    assert.is((await hono.request('/metrics', { method: 'POST' })).status, 404);
  });
});
