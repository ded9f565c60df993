import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { startChild } from '../src/testing/child.ts';
import { defaultBigQuery } from './lib/clients.ts';
import { type Measured, RESULT_PREFIX } from './lib/meter.ts';
import { profiling } from './lib/profiling.ts';
import type { InsertCase } from './lib/report.ts';
import { DEFAULTS } from './lib/run-subject.ts';
import type { Stage } from './lib/stage.ts';
import { spread } from './lib/statistics.ts';
import { namesOf, type Task } from './lib/task.ts';

const WAYS = ['our inserter', 'table.insert'] as const;
/** More than elsewhere: rounds are short, and the ratio's third digit is noise with five. */
const ROUNDS = 9;

/** Measures CPU time per row for inserting the same rows, 500 per request, with the same insertIds. */
export async function measureInsert(
  stage: Stage,
  isQuick: boolean,
  say: (text: string) => void,
): Promise<InsertCase[]> {
  const bigquery = defaultBigQuery(stage.projectId);
  const rounds = isQuick ? 1 : ROUNDS;
  const results = new Map<string, number[]>(WAYS.map((way) => [way, []]));
  for (let round = 1; round <= rounds; round += 1) {
    for (const way of WAYS) {
      say(`inserting, round ${round} of ${rounds}: ${way}`);
      const runId = randomBytes(4).toString('hex');
      const messages = isQuick ? 25_000 : 150_000;
      const task: Task = { ...DEFAULTS, runId, projectId: stage.projectId, messages, paced: false, delayMs: 0 };
      const file = join(import.meta.dirname, 'subjects/insert.ts');
      const child = await startChild(process.execPath, [
        ...profiling(['insert', way, runId]),
        file,
        JSON.stringify(task),
        way,
      ]);
      await child.exited;
      const line = child.stdout.split('\n').find((text) => text.startsWith(RESULT_PREFIX));
      if (line === undefined) throw new Error(child.output);
      const measured: Measured = JSON.parse(line.slice(RESULT_PREFIX.length));
      results.get(way)?.push(measured.cpuMicrosPerMessage);
      await bigquery.dataset(namesOf(task).dataset).delete({ force: true });
    }
  }
  return Array.from(results, ([way, own]) => ({ way, cpuMicrosPerRow: spread(own) }));
}
