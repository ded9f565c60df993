import { FatalError, toError } from '../core/errors.ts';
import type { PipelineProbes } from '../http/page-app.ts';
import type { TappedValue } from '../http/tap.ts';
import { type AskOptions, getJson, openEvents } from '../tools/live/ask-service.ts';
import { onSignal } from '../util/on-signal.ts';
import { EXIT } from './exit-codes.ts';

export interface TapCommandOptions {
  readonly where: readonly string[];
  /** Shows every nth message. */
  readonly sample: number;
  readonly limit?: number;
  readonly rate?: number;
  readonly pipeline?: string;
  readonly token?: string;
  readonly json: boolean;
}

/** `tap <url> [probe]`: prints what passes a probe of a running service. */
export async function tap(url: string, probe: string | undefined, options: TapCommandOptions): Promise<number> {
  const stopped = new AbortController();
  onSignal(() => stopped.abort());
  const token = options.token ?? process.env.DATAFLOW_HTTP__TOKEN;
  let skipped = 0;
  let shown = 0;
  try {
    const asking = { url, token, signal: stopped.signal };
    if (probe === undefined) return await listProbes(asking, options);
    const path = [options.pipeline, probe]
      .filter((part) => part !== undefined)
      .map(encodeURIComponent)
      .join('/');
    const events = openEvents<TappedValue>(`tap/${path}?${queryOf(options)}`, asking);
    for await (const value of events) {
      ({ skipped } = value);
      shown += 1;
      console.log(options.json ? JSON.stringify(value) : printed(value));
    }
  } catch (thrown) {
    if (!stopped.signal.aborted) {
      console.error(toError(thrown).message);
      return thrown instanceof FatalError ? EXIT.configurationRefused : EXIT.failed;
    }
  }
  if (skipped > 0)
    console.error(
      `${skipped.toLocaleString('en-US')} messages were omitted: above the tap's rate, or not read in time`,
    );
  if (stopped.signal.aborted || shown === options.limit) return EXIT.clean;
  console.error('the service has ended the tap');
  return EXIT.failed;
}

async function listProbes(asking: AskOptions, { json }: TapCommandOptions): Promise<number> {
  const pipelines = await getJson<readonly PipelineProbes[]>('tap', asking);
  if (json) console.log(JSON.stringify(pipelines));
  else for (const { pipeline, probes } of pipelines) console.log(`${pipeline.padEnd(12)} ${probes.join(', ')}`);
  return EXIT.clean;
}

function queryOf({ where, sample, limit, rate }: TapCommandOptions): URLSearchParams {
  const query = new URLSearchParams();
  for (const condition of where) query.append('where', condition);
  if (sample > 1) query.set('every', String(sample));
  if (limit !== undefined) query.set('limit', String(limit));
  if (rate !== undefined) query.set('rate', String(rate));
  return query;
}

function printed({ time, probe, value }: TappedValue): string {
  return `${time.slice(11, 23)} ${probe}  ${JSON.stringify(value)}`;
}
