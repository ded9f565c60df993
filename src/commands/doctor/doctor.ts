import { ConfigError } from '../../config/config-error.ts';
import { FatalError, toError } from '../../core/errors.ts';
import { loadPipeline } from '../../services/pipeline.ts';
import { oneLine } from '../../tools/dead-letters/printable.ts';
import { diagnose } from '../../tools/doctor/diagnose.ts';
import { type Finding, SEVERITIES, type Severity } from '../../tools/doctor/finding.ts';
import { statusLine } from '../../tools/replay/status-line.ts';
import { EXIT } from '../exit-codes.ts';
import { paint } from '../paint.ts';

export interface DoctorCommandOptions {
  readonly timeLimit: number;
  readonly json: boolean;
}

const COLORS = { ok: 'green', note: 'dim', warning: 'yellow', error: 'red' } as const;

/** `doctor <pipeline>`: lists what prevents a pipeline's messages from reaching their target. */
export async function doctor(path: string, { timeLimit, json }: DoctorCommandOptions): Promise<number> {
  try {
    const pipeline = await loadPipeline(path);
    let found = 0;
    const progress = json ? undefined : statusLine(() => `${path}: ${found} findings so far`);
    const onFinding = () => {
      found += 1;
    };
    const findings = await diagnose(pipeline, { timeLimitMs: timeLimit, onFinding }).finally(() =>
      progress?.unsubscribe(),
    );
    const count = (severity: Severity) => findings.filter((each) => each.severity === severity).length;
    const counts = Object.fromEntries(SEVERITIES.map((severity) => [severity, count(severity)]));
    if (json) console.log(JSON.stringify({ pipeline: path, counts, findings }));
    else {
      for (const line of lines(findings)) console.log(line);
      const summary = (['error', 'warning', 'note'] as const).map(
        (each) => `${count(each)} ${each}${count(each) === 1 ? '' : 's'}`,
      );
      console.error(summary.join(', '));
    }
    return count('error') > 0 ? EXIT.failed : EXIT.clean;
  } catch (thrown) {
    console.error(toError(thrown).message);
    return thrown instanceof ConfigError || thrown instanceof FatalError ? EXIT.configurationRefused : EXIT.failed;
  }
}

/** A line for each finding, and one for its remedy. */
function lines(findings: readonly Finding[]): string[] {
  const color = paint(process.stdout);
  const width = Math.max(...findings.map(({ part }) => part.length));
  return findings.flatMap(({ part, severity, what, remedy }) => [
    `${color(COLORS[severity], severity.padEnd(8))} ${oneLine(part).padEnd(width)}  ${oneLine(what)}`,
    ...(remedy === undefined ? [] : [`${' '.repeat(9 + width)}  → ${color('bold', oneLine(remedy))}`]),
  ]);
}
