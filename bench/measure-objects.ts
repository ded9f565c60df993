import type { ObjectRates } from './lib/report.ts';
import { type Run, type RunResult, runSubject } from './lib/run-subject.ts';
import type { Stage } from './lib/stage.ts';
import { spread } from './lib/statistics.ts';

/** Delay of each upload and insert, like that between a service and a cloud in the same region. */
const LATENCY_MS = 50;
/** Number of batch keys, used in turn. */
const KEYS = 6_000;
const OBJECT_MESSAGES = 40_000;
const ROWS = 200_000;
/** The defaults of `archive.maxAgeMs`, `insert.maxDelayMs` and `source.maxInFlight`. */
const MAX_AGE_MS = 60_000;
const MAX_DELAY_MS = 1_000;
const MAX_IN_FLIGHT = 10_000;
const ROUNDS = 3;

/** Measures objects of icestore with 6,000 batch keys, and rows of bigqueries, at 50 ms per upload and insert. */
export async function measureObjects(
  stage: Stage,
  isQuick: boolean,
  say: (text: string) => void,
): Promise<ObjectRates> {
  const rounds = isQuick ? 1 : ROUNDS;
  const objects: RunResult[] = [];
  const rows: RunResult[] = [];
  const measure = async (run: Run, server: 'storage' | 'bigquery', method: string): Promise<RunResult> => {
    const removeLatency = await stage.delayCalls(server, method, LATENCY_MS);
    try {
      return await runSubject(stage, { ...run, messages: isQuick ? run.messages / 2 : run.messages });
    } finally {
      await removeLatency();
    }
  };
  for (let round = 1; round <= rounds; round += 1) {
    say(`objects, round ${round} of ${rounds}: icestore`);
    const archive: Run = { service: 'icestore', by: 'ours', variant: `${KEYS} keys`, messages: OBJECT_MESSAGES };
    objects.push(
      await measure(
        {
          ...archive,
          locations: KEYS,
          surplus: MAX_IN_FLIGHT,
          task: { maxInFlight: MAX_IN_FLIGHT, delayMs: MAX_AGE_MS },
        },
        'storage',
        'storage.objects.insert',
      ),
    );
    say(`objects, round ${round} of ${rounds}: bigqueries`);
    const insert: Run = {
      service: 'bigqueries',
      by: 'ours',
      variant: 'slow inserts',
      messages: ROWS,
      task: { maxInFlight: MAX_IN_FLIGHT, delayMs: MAX_DELAY_MS },
    };
    rows.push(await measure(insert, 'bigquery', 'tabledata.insertAll'));
  }
  const ofObjects = (read: (requests: number, run: RunResult) => number) =>
    spread(objects.map((run) => read(run.requests ?? Number.NaN, run)));
  return {
    rate: ofObjects((requests, { seconds }) => requests / seconds),
    cpuMicrosPerObject: ofObjects(
      (requests, { cpuMicrosPerMessage, messages }) => (cpuMicrosPerMessage * messages) / requests,
    ),
    linesPerObject: ofObjects((requests, { messages }) => messages / requests),
    rowRate: spread(rows.map(({ rate }) => rate)),
    cpuMicrosPerRow: spread(rows.map(({ cpuMicrosPerMessage }) => cpuMicrosPerMessage)),
  };
}
