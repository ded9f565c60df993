import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Context, Hono } from 'hono';
import { defer, interval, map, merge, type Observable, of, share } from 'rxjs';
import { monotonicScheduler } from '../util/clock.ts';
import { eventStream } from './event-stream.ts';
import type { LiveSource } from './live-source.ts';
import type { LiveMessage, RecentDeadLetter, RecentEvent, ServiceSnapshot } from './snapshot.ts';
import { openTap, probeOf, sourceOf, TapError, tapOptions } from './tap.ts';
import { isTrusted } from './trust.ts';

export interface PageOptions {
  /** Clients that send it see message contents, from any machine. */
  readonly token?: string | undefined;
}

/** The probes of a pipeline, by name: what `GET /tap` lists. */
export interface PipelineProbes {
  readonly pipeline: string;
  readonly probes: readonly string[];
}

const EVERY_MS = 1_000;
/** Maximum number of open streams of all viewers: each occupies a connection. */
const MAX_STREAMS = 32;

/** The page loads only the script and style sheet in its folder, and connects only to its own origin. */
const PAGE_HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'cache-control': 'no-cache',
};

const FILES = {
  '/': ['page.html', 'text/html; charset=utf-8'],
  '/page.css': ['page.css', 'text/css; charset=utf-8'],
  '/page.js': ['page.js', 'text/javascript; charset=utf-8'],
} as const;

/**
 * The live page of some services: `/` and its two files; `/live`, a stream of snapshots, one a second; and
 * `/tap/<pipeline>/<probe>`, the values that pass a probe. It changes nothing, and samples nothing without a viewer.
 */
export function pageApp(sources: readonly LiveSource[], { token }: PageOptions = {}): Hono {
  const app = new Hono();
  for (const [path, [file, type]] of Object.entries(FILES)) {
    let content: string | undefined;
    app.get(path, (context) => {
      content ??= readFileSync(join(import.meta.dirname, 'page', file), 'utf8');
      return context.body(content, 200, { ...PAGE_HEADERS, 'content-type': type });
    });
  }

  let streams = 0;
  const opened = (): (() => void) => {
    streams += 1;
    return () => {
      streams -= 1;
    };
  };
  const tooMany = (context: Context) =>
    context.text(`${MAX_STREAMS} streams are open already; close one, or try again later\n`, 503);

  const snapshots = () => sources.map((source) => source.snapshot());
  const sampled = interval(EVERY_MS, monotonicScheduler).pipe(map(snapshots), share());

  app.get('/live', (context) => {
    if (streams >= MAX_STREAMS) return tooMany(context);
    return eventStream(
      liveMessages(
        sources,
        merge(
          defer(() => of(snapshots())),
          sampled,
        ),
        isTrusted(context, token),
      ),
      {
        onClosed: opened(),
      },
    );
  });

  app.get('/ledger', (context) => context.json(sources.map((source) => source.ledger())));

  app.get('/tap', (context) => {
    if (!isTrusted(context, token)) return context.text(notTrusted(token), 403);
    return context.json(
      sources.map(({ pipeline, probes }): PipelineProbes => ({ pipeline, probes: probes.map(({ name }) => name) })),
    );
  });

  const tap = (context: Context, pipeline: string | undefined, probe: string) => {
    if (!isTrusted(context, token)) return context.text(notTrusted(token), 403);
    if (streams >= MAX_STREAMS) return tooMany(context);
    try {
      const source = sourceOf(sources, pipeline);
      const { values, skip } = openTap(probeOf(source, probe), tapOptions(new URL(context.req.url).searchParams));
      return eventStream(values, { onClosed: opened(), onSkipped: skip });
    } catch (thrown) {
      if (thrown instanceof TapError) return context.text(`${thrown.message}\n`, thrown.status);
      throw thrown;
    }
  };
  app.get('/tap/:probe', (context) => tap(context, undefined, context.req.param('probe')));
  app.get('/tap/:pipeline/:probe', (context) =>
    tap(context, context.req.param('pipeline'), context.req.param('probe')),
  );
  return app;
}

function notTrusted(token: string | undefined): string {
  const way = token === undefined ? 'set http.token, and send it' : 'send http.token';
  return `message contents are shown to clients on this machine (http://127.0.0.1:…, without a proxy); from elsewhere ${way} as Authorization: Bearer <token>\n`;
}

/** Adds the list entries that are new to this viewer to each sample, and removes what the viewer may not see. */
function liveMessages(
  sources: readonly LiveSource[],
  samples: Observable<readonly ServiceSnapshot[]>,
  trusted: boolean,
): Observable<LiveMessage> {
  const seen = sources.map(() => ({ events: 0, deadLetters: 0 }));
  return samples.pipe(
    map((services) => ({
      trusted,
      at: performance.now(),
      services: services.map((service, index) => {
        const { events: recentEvents, deadLetters: recentDeadLetters } = sources[index] ?? {};
        const known = seen[index] ?? { events: 0, deadLetters: 0 };
        const events = recentEvents?.since(known.events) ?? [];
        const deadLetters = recentDeadLetters?.since(known.deadLetters) ?? [];
        known.events = recentEvents?.count ?? 0;
        known.deadLetters = recentDeadLetters?.count ?? 0;
        return {
          ...service,
          events: trusted ? events : events.map(withoutFields),
          deadLetters: trusted ? deadLetters : deadLetters.map(withoutContents),
        };
      }),
    })),
  );
}

const withoutFields = ({ time, level, event, message }: RecentEvent): RecentEvent => ({ time, level, event, message });

const withoutContents = ({ time, reason }: RecentDeadLetter): RecentDeadLetter => ({ time, reason });
