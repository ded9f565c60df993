import { toError } from '../../core/errors.ts';
import type { Check, Finding } from './finding.ts';

/**
 * Runs all checks concurrently, each for at most `timeLimitMs`, and returns their findings in the order of the checks.
 * A check that fails or does not end does not hide the findings of the others.
 */
export async function runChecks(
  checks: readonly Check[],
  timeLimitMs: number,
  onFinding: (finding: Finding) => void = () => {},
): Promise<Finding[]> {
  const found = await Promise.all(checks.map((check) => findings(check, timeLimitMs, onFinding)));
  return found.flat();
}

async function findings(
  { part, run }: Check,
  timeLimitMs: number,
  onFinding: (finding: Finding) => void,
): Promise<Finding[]> {
  const found: Finding[] = [];
  let isOver = false;
  const report = (severity: Finding['severity'], what: string, remedy?: string): void => {
    if (isOver) return;
    const finding = { part, severity, what, ...(remedy === undefined ? {} : { remedy }) };
    found.push(finding);
    onFinding(finding);
  };
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`no answer within ${timeLimitMs / 1_000} s`)), timeLimitMs);
  try {
    await Promise.race([run(report), late]);
  } catch (thrown) {
    report('error', `cannot be reached: ${toError(thrown).message}`);
  } finally {
    clearTimeout(timer);
    isOver = true;
  }
  return found;
}
