import { FatalError, toError } from '../core/errors.ts';
import type { LedgerReport } from '../http/snapshot.ts';
import { getJson } from '../tools/live/ask-service.ts';
import { ledgerPage } from '../tools/live/ledger-page.ts';
import { platformLedger } from '../tools/live/platform-ledger.ts';
import { EXIT } from './exit-codes.ts';

export interface LedgerOptions {
  readonly minutes: number;
  readonly json: boolean;
}

const TIMEOUT_MS = 10_000;

/** `ledger <urls…>`: compares the counts of running services. */
export async function ledger(urls: readonly string[], { minutes, json }: LedgerOptions): Promise<number> {
  const answers = await Promise.allSettled(
    urls.map((url) => getJson<readonly LedgerReport[]>('ledger', { url, signal: AbortSignal.timeout(TIMEOUT_MS) })),
  );
  const problems = answers.flatMap((answer) => (answer.status === 'rejected' ? [toError(answer.reason)] : []));
  for (const { message } of problems) console.error(message);
  if (problems.length > 0) {
    return problems.some((problem) => problem instanceof FatalError) ? EXIT.configurationRefused : EXIT.failed;
  }
  const reports = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
  const found = platformLedger(reports);
  if (json) console.log(JSON.stringify({ ...found, minutes: found.minutes.slice(-minutes), isEstimate: true }));
  else console.log(ledgerPage(found, minutes));
  return found.pipelines.every(({ isBalanced }) => isBalanced) ? EXIT.clean : EXIT.failed;
}
