import { join } from 'node:path';
import { type Child, type ChildOptions, startChild } from './child.ts';

/** The file that starts the command line. */
export const LAUNCH = join(import.meta.dirname, '../launch.mjs');

/** The folder of a pipeline that comes with the project. */
export const builtInPipeline = (name: string): string => join(import.meta.dirname, '../../pipelines', name);

export interface CliOptions extends Omit<ChildOptions, 'env'> {
  /** Added to the environment of the test. */
  readonly env?: NodeJS.ProcessEnv;
}

/** A command that has ended. */
export interface EndedCommand {
  readonly code: number | null;
  readonly stdout: string;
  /** Standard output and standard error, in order of arrival. */
  readonly output: string;
}

/** Starts a command of the CLI as a process; it ends with the test at the latest. */
export function startCli(args: readonly string[], { env, ...options }: CliOptions = {}): Promise<Child> {
  return startChild(process.execPath, [LAUNCH, ...args], { ...options, env: { ...process.env, ...env } });
}

/** Runs a command of the CLI to its end. */
export async function runCli(args: readonly string[], options: CliOptions = {}): Promise<EndedCommand> {
  const child = await startCli(args, options);
  const code = await child.exited;
  return { code, stdout: child.stdout, output: child.output };
}

/** Returns the JSON object on the last line of a command's output, or undefined if that line is something else. */
export function lastJson({ stdout }: Pick<EndedCommand, 'stdout'>) {
  const last = stdout.trim().split('\n').at(-1) ?? '';
  return last.startsWith('{') ? JSON.parse(last) : undefined;
}
