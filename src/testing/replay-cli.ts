import type { Child } from './child.ts';
import { type EndedCommand, lastJson, runCli, startCli } from './cli.ts';

/** A `replay` that has ended. */
export interface EndedReplay extends EndedCommand {
  /** Output of `--json`; empty without it. */
  readonly report: Readonly<Record<string, unknown>>;
}

/** Starts `replay …`. */
export const startReplay = (...args: string[]): Promise<Child> => startCli(['replay', ...args]);

/** Runs `replay …` to its end. */
export async function runReplay(...args: string[]): Promise<EndedReplay> {
  const ended = await runCli(['replay', ...args]);
  return { ...ended, report: lastJson(ended) ?? {} };
}
