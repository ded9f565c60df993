import { Observable } from 'rxjs';
import { keyPath, MessageView, pathProblem } from '../core/message-path.ts';
import { nearestName } from '../util/nearest-name.ts';
import type { LiveProbe, LiveSource } from './live-source.ts';

/** Which values a tap shows. */
export interface TapOptions {
  /** Paths into the message, and the text that each must have there. */
  readonly where: readonly (readonly [path: string, value: string])[];
  /** Shows every nth matching value. */
  readonly every: number;
  /** Ends after this number of values. */
  readonly limit: number;
  /** Maximum number of values per second. */
  readonly perSecond: number;
}

/** A value that passed a probe. */
export interface TappedValue {
  /** RFC 3339. */
  readonly time: string;
  readonly probe: string;
  /** Matching values omitted so far, because they exceeded the rate or the client did not read. */
  readonly skipped: number;
  readonly value: Readonly<Record<string, unknown>>;
}

/** An invalid request for a tap, and how to correct it. */
export class TapError extends Error {
  override readonly name = 'TapError';
  readonly status: 400 | 404;

  constructor(status: 400 | 404, message: string) {
    super(message);
    this.status = status;
  }
}

/** Protects the service: tapped values are written as JSON on its only thread. */
export const MAX_TAPPED_PER_SECOND = 500;
const WHERE = /^((?:[^="]|"(?:\\.|[^"\\])*")+)=(.*)$/s;

/**
 * Reads the query of a tap: `where=path=value` (several), `every`, `limit`, `rate`.
 *
 * @throws TapError
 */
export function tapOptions(query: URLSearchParams): TapOptions {
  return {
    where: query.getAll('where').map((text) => {
      const [, path, value] = WHERE.exec(text) ?? [];
      if (path === undefined || value === undefined) {
        throw new TapError(
          400,
          `where: expected path=value, such as attributes.site=berlin, got ${JSON.stringify(text)}`,
        );
      }
      const problem = pathProblem(path);
      if (problem !== undefined) throw new TapError(400, `where: ${JSON.stringify(path)}: ${problem}`);
      return [path, value] as const;
    }),
    every: numberOf(query, 'every', 1),
    limit: numberOf(query, 'limit', Number.MAX_SAFE_INTEGER),
    perSecond: Math.min(MAX_TAPPED_PER_SECOND, numberOf(query, 'rate', MAX_TAPPED_PER_SECOND)),
  };
}

function numberOf(query: URLSearchParams, name: string, otherwise: number): number {
  const text = query.get(name);
  if (text === null) return otherwise;
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new TapError(400, `${name}: expected a whole number from 1, got ${JSON.stringify(text)}`);
}

/**
 * Finds a service by the name of its pipeline, which may be omitted if there is only one service.
 *
 * @throws TapError that lists the pipelines.
 */
export function sourceOf(sources: readonly LiveSource[], pipeline: string | undefined): LiveSource {
  const names = sources.map((source) => source.pipeline);
  const [first, second] = sources;
  if (pipeline === undefined && first !== undefined && second === undefined) return first;
  const found = sources.find((source) => source.pipeline === pipeline);
  if (found !== undefined) return found;
  if (pipeline === undefined)
    throw new TapError(404, `Name the pipeline (--pipeline NAME, or /tap/NAME/PROBE): ${names.join(', ')}.`);
  const nearest = nearestName(pipeline, names);
  const hint = nearest === undefined ? '' : ` Did you mean ${nearest}?`;
  throw new TapError(404, `There is no pipeline ${JSON.stringify(pipeline)}.${hint} There are ${names.join(', ')}.`);
}

/**
 * Finds a probe of a service by its name.
 *
 * @throws TapError that lists the probes.
 */
export function probeOf({ service, probes }: LiveSource, name: string): LiveProbe {
  const found = probes.find((probe) => probe.name === name);
  if (found !== undefined) return found;
  const names = probes.map((probe) => probe.name);
  const nearest = nearestName(name, names);
  const hint = nearest === undefined ? '' : ` Did you mean ${nearest}?`;
  throw new TapError(404, `${service} has no probe ${JSON.stringify(name)}.${hint} It has ${names.join(', ')}.`);
}

/** A tap: emits at most `perSecond` values that match, and completes after `limit` of them. */
export interface Tap {
  readonly values: Observable<TappedValue>;
  /** Counts a value that was emitted and could not be delivered. */
  readonly skip: () => void;
}

/** Opens a tap of a probe. Its errors never reach the graph. */
export function openTap(probe: LiveProbe, { where, every, limit, perSecond }: TapOptions): Tap {
  const conditions = where.map(([path, value]) => ({ read: keyPath(path), value }));
  let skipped = 0;
  const matches = (value: unknown): boolean => {
    if (conditions.length === 0) return true;
    const message = probe.messageOf(value);
    if (message === undefined) return false;
    const view = new MessageView(message);
    return conditions.every((condition) => condition.read(view) === condition.value);
  };
  const values = new Observable<TappedValue>((subscriber) => {
    let matched = 0;
    let shown = 0;
    let second = 0;
    let inSecond = 0;
    const take = (value: unknown): void => {
      if (!matches(value)) return;
      matched += 1;
      if ((matched - 1) % every !== 0) return;
      const now = Math.floor(performance.now() / 1_000);
      if (now !== second) {
        second = now;
        inSecond = 0;
      }
      if (inSecond >= perSecond) {
        skipped += 1;
        return;
      }
      inSecond += 1;
      shown += 1;
      subscriber.next({ time: new Date().toISOString(), probe: probe.name, skipped, value: probe.shown(value) });
      if (shown >= limit) subscriber.complete();
    };
    return probe.values.subscribe({
      next: (value) => {
        try {
          take(value);
        } catch {
          skipped += 1;
        }
      },
      error: (error) => subscriber.error(error),
    });
  });
  return {
    values,
    skip: () => {
      skipped += 1;
    },
  };
}
