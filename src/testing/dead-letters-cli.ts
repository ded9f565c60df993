import type { Child } from './child.ts';
import { type EndedCommand, runCli, startCli } from './cli.ts';

/** Output of `dead-letters list --json`. */
export interface ListedDeadLetters {
  readonly deadLetters: readonly {
    readonly id: string;
    readonly reason: string;
    readonly attempt: number;
    readonly source: string;
    readonly object?: string;
    readonly truncated: boolean;
  }[];
  readonly byReason: Record<string, number>;
  readonly others: number;
}

/** The sandbox delivers everything immediately; a test on another server passes its own `--idle-timeout`. */
const commandLine = ([command = '', ...args]: readonly string[]) => [
  ...['dead-letters', command],
  ...['--idle-timeout', '0.1'],
  ...args,
];

/** Starts `dead-letters …`. */
export const startDeadLetters = (...args: string[]): Promise<Child> => startCli(commandLine(args));

/** Runs `dead-letters …` to its end. */
export const runDeadLetters = (...args: string[]): Promise<EndedCommand> => runCli(commandLine(args));

/** Runs `dead-letters list --json`, which must succeed. */
export async function listDeadLetters(pipeline: string, ...options: string[]): Promise<ListedDeadLetters> {
  const { code, stdout, output } = await runDeadLetters('list', pipeline, '--json', ...options);
  if (code !== 0) throw new Error(`list ended with ${code}:\n${output}`);
  return JSON.parse(stdout);
}
