import { request } from 'node:http';
import { Subject } from 'rxjs';
import * as assert from 'uvu/assert';
import { Readiness } from '../core/readiness.ts';
import { eventually } from '../testing/eventually.ts';
import { testScope } from '../testing/scope.ts';
import { readServerSentEvents, type ServerSentEvents } from '../testing/server-sent-events.ts';
import { suite } from '../testing/suite.ts';
import { Ring } from '../util/ring.ts';
import { serveHttp } from './http-server.ts';
import type { LiveSource } from './live-source.ts';
import { pageApp } from './page-app.ts';
import type { LedgerReport, LiveMessage, RecentDeadLetter, RecentEvent } from './snapshot.ts';
import type { TappedValue } from './tap.ts';

const TOKEN = 'open-sesame';
const SECRET = 'contents of a message';
const MAX_STREAMS = 32;

/** A service that counts how often it is sampled. */
class FakeSource implements LiveSource {
  readonly service = 'fake';
  readonly pipeline = 'fake';
  samples = 0;
  readonly passing = new Subject<unknown>();
  readonly events = new Ring<RecentEvent>(10);
  readonly deadLetters = new Ring<RecentDeadLetter>(10);
  readonly probes = [
    {
      name: 'received',
      values: this.passing,
      messageOf: (value: unknown) => ({
        ...{ id: String(value), payload: Buffer.from(`{"n":${value}}`), publishTime: '2026-11-29T10:00:00Z' },
        ...{ attributes: { site: Number(value) % 2 === 0 ? 'even' : 'odd' }, enrichmentData: {} },
      }),
      shown: (value: unknown) => {
        if (value === 'broken') throw new Error('cannot be shown');
        return { id: String(value) };
      },
    },
  ];

  ledger(): LedgerReport {
    const { service, pipeline, ledger, wiring } = this.snapshot();
    return { service, pipeline, ledger, wiring, startedAt: '', now: '', minutes: [] };
  }

  snapshot() {
    this.samples += 1;
    return {
      ...{ service: this.service, pipeline: this.pipeline, url: '', uptimeMs: this.samples },
      wiring: { outputs: [] },
      ...{ report: new Readiness().report, boxes: [], edges: [], inSink: [], beside: [], bounds: [], latencies: [] },
      deadLetterBox: { role: 'dead letters', title: '', operators: [], state: 'ok', problems: [], count: 0 },
      ledger: {
        ...{ received: 0, acked: 0, nacked: 0, deadLettered: 0, dropped: 0, expired: 0, inFlight: 0 },
        ...{ settledTwice: 0, settledLate: 0, balanced: true },
      },
    } as const;
  }
}

suite('live page', (it) => {
  const { test } = it;
  const scope = testScope(it);

  const serve = async (source = new FakeSource()) => {
    source.events.push({ time: '', level: 'info', event: 'e', message: 'm', fields: SECRET });
    source.deadLetters.push({ time: '', reason: 'rejected', error: SECRET, source: SECRET, preview: SECRET });
    const server = scope.use(await serveHttp(pageApp([source], { token: TOKEN }), { host: '127.0.0.1', port: 0 }));
    return { source, ...server };
  };
  const read = <T>(url: string, headers: Readonly<Record<string, string>> = {}): ServerSentEvents<T> =>
    scope.use(readServerSentEvents<T>(url, headers));

  test('its files carry headers that keep it to itself, and it takes no other method', async () => {
    const { url } = await serve();
    for (const path of ['/', '/page.js', '/page.css']) {
      const response = await fetch(`${url}${path}`);
      assert.is(response.status, 200);
      const policy = response.headers.get('content-security-policy') ?? '';
      assert.match(policy, "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'");
      assert.match(policy, "frame-ancestors 'none'");
      assert.not.match(policy, 'unsafe');
      assert.is(response.headers.get('x-content-type-options'), 'nosniff');
      assert.is((await fetch(`${url}${path}`, { method: 'POST' })).status, 404);
    }
    const html = await (await fetch(url)).text();
    assert.not.match(html, /<script(?![^>]* src=)|<style|https?:\/\/(?!www\.w3\.org)| style=| on\w+=/);
  });

  test('samples once a second for all viewers together, and never while there is none', async () => {
    const { source, url } = await serve();
    await fetch(url);
    assert.is(source.samples, 0);
    const one = read<LiveMessage>(`${url}/live`);
    const other = read<LiveMessage>(`${url}/live`);
    await eventually(() => assert.ok(one.events.length >= 4 && other.events.length >= 4));
    const samples = new Set([...one.events, ...other.events].map(({ services: [service] }) => service?.uptimeMs));
    assert.ok(samples.size < one.events.length + other.events.length - 2, 'viewers share their samples');
    one.close();
    other.close();
    let last = -1;
    await eventually(
      () => {
        const before = last;
        last = source.samples;
        assert.is(last, before);
      },
      { everyMs: 1_500 },
    );
  });

  test('sends what is new of its lists, once to each viewer', async () => {
    const { source, url } = await serve();
    const { events } = read<LiveMessage>(`${url}/live`);
    await eventually(() => assert.is(events.length, 1));
    source.deadLetters.push({ time: '', reason: 'no_key' });
    await eventually(() => assert.is(events.length, 3));
    assert.equal(
      events.map(({ services: [service] }) => service?.deadLetters.map(({ reason }) => reason)),
      [['rejected'], ['no_key'], []],
    );
  });

  const strangers: Readonly<Record<string, Readonly<Record<string, string>>>> = {
    'a name that resolves to this machine': { host: 'rebound.example:8080' },
    'a proxy on this machine': { 'x-forwarded-for': '203.0.113.7' },
    'a page of another origin': { 'sec-fetch-site': 'cross-site' },
    'a wrong token': { host: 'service.example', authorization: 'Bearer wrong' },
    'a token of another scheme': { host: 'service.example', authorization: `Basic ${TOKEN}` },
    'a host that only begins like a loopback': { host: '127.0.0.1.example' },
  };
  for (const [name, headers] of Object.entries(strangers)) {
    test(`shows no contents to ${name}`, async () => {
      const { url } = await serve();
      const { events } = read<LiveMessage>(`${url}/live`, headers);
      await eventually(() => assert.is(events.length, 1));
      assert.is(events[0]?.trusted, false);
      assert.is(events[0]?.services[0]?.deadLetters[0]?.reason, 'rejected');
      assert.not.match(JSON.stringify(events), SECRET);
      const tap = await statusOf(`${url}/tap/received`, headers);
      assert.is(tap, 403);
    });
  }

  test('shows contents on this machine, and elsewhere with the token', async () => {
    const { url } = await serve();
    for (const headers of [
      {},
      { host: 'localhost' },
      { host: '[::1]:80' },
      { host: 'service.example', authorization: `Bearer ${TOKEN}` },
    ]) {
      const { events } = read<LiveMessage>(`${url}/live`, headers);
      await eventually(() => assert.is(events.length, 1));
      assert.is(events[0]?.trusted, true);
      assert.is(events[0]?.services[0]?.deadLetters[0]?.preview, SECRET);
    }
  });

  test('refuses a further stream, and goes on answering', async () => {
    const { url } = await serve();
    const streams = Array.from({ length: MAX_STREAMS }, () => read<LiveMessage>(`${url}/live`));
    await eventually(() => assert.ok(streams.every(({ events }) => events.length > 0)));
    assert.is(await statusOf(`${url}/live`), 503);
    assert.is(await statusOf(url), 200);
    streams[0]?.close();
    await eventually(async () => assert.is(await statusOf(`${url}/live`), 200));
  });

  test('taps a probe: conditions, a sample, a limit', async () => {
    const { source, url } = await serve();
    const tap = (query: string) => read<TappedValue>(`${url}/tap/received${query}`);
    const taps = [
      tap(''),
      tap('?where=attributes.site=even'),
      tap('?every=3'),
      tap('?limit=2'),
      tap('?where=payload.n=5&where=attributes.site=odd'),
    ];
    await eventually(() => assert.is(taps.filter(({ isOpen }) => isOpen).length, 5));
    for (let n = 0; n < 8; n += 1) source.passing.next(n);
    source.passing.next('broken');
    const ids = ['0,1,2,3,4,5,6,7', '0,2,4,6', '0,3,6', '0,1', '5'];
    await eventually(() =>
      assert.equal(
        taps.map(({ events }) => events.map(({ value }) => value.id).join()),
        ids,
      ),
    );
    await eventually(() => assert.is(taps[3]?.isOpen, false, 'the limit ends it'));
    for (const { close } of taps) close();
    await eventually(() => assert.not(source.passing.observed, 'free again'));
  });

  test('counts what a tap leaves out: more than it may send in a second', async () => {
    const { source, url } = await serve();
    const slow = read<TappedValue>(`${url}/tap/received?rate=2`);
    await eventually(() => assert.ok(slow.isOpen));
    let n = 0;
    await eventually(
      () => {
        for (let index = 0; index < 10; index += 1) source.passing.next(index);
        n += 10;
        const last = slow.events.at(-1);
        assert.ok(last !== undefined && last.skipped > 20, JSON.stringify(last));
        assert.ok(slow.events.length + last.skipped <= n);
      },
      { everyMs: 200 },
    );
  });

  test('refuses a tap of an unknown probe with the ones there are, and wrong options by name', async () => {
    const { url } = await serve();
    const cases: readonly (readonly [string, number, RegExp])[] = [
      ['/tap/recieved', 404, /fake has no probe "recieved"\. Did you mean received\? It has received\./],
      ['/tap/other/received', 404, /There is no pipeline "other"\. There are fake\./],
      ['/tap/received?where=site', 400, /where: expected path=value/],
      ['/tap/received?where=site=x', 400, /where: "site": expected a path that begins with payload/],
      ['/tap/received?every=0', 400, /every: expected a whole number from 1, got "0"/],
      ['/tap/received?limit=x', 400, /limit: /],
    ];
    for (const [path, status, message] of cases) {
      const response = await fetch(`${url}${path}`);
      assert.is(response.status, status, path);
      assert.match(await response.text(), message);
    }
  });
});

/** `fetch` sets some headers itself. */
function statusOf(url: string, headers: Readonly<Record<string, string>> = {}): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { headers }, (response) => {
      resolve(response.statusCode);
      response.destroy();
    });
    asked.once('error', reject);
    asked.end();
  });
}
