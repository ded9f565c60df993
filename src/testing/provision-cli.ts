import type { Step } from '../resources/provision.ts';
import { builtInPipeline, type EndedCommand, lastJson, runCli } from './cli.ts';
import { SERVICES } from './test-run.ts';

/** The shipped pipelines, in the order of their flow. */
export const PIPELINES = SERVICES.map(builtInPipeline);

/** A `provision` or `teardown` that has ended. */
export interface EndedProvision extends EndedCommand {
  /** Output of `--json`; empty without it. */
  readonly steps: readonly Step[];
}

/** Runs `provision` or `teardown` with an environment that names the resources. */
export async function runProvision(env: NodeJS.ProcessEnv, ...args: string[]): Promise<EndedProvision> {
  const ended = await runCli(args, { env });
  return { ...ended, steps: lastJson(ended)?.steps ?? [] };
}

/** Each outcome once, sorted. */
export const outcomes = ({ steps }: EndedProvision): string[] =>
  [...new Set(steps.map(({ outcome }) => outcome))].sort();

/** The step of a resource, by its kind and a part of its name. */
export const stepOf = ({ steps }: EndedProvision, kind: string, part: string): Step | undefined =>
  steps.find((step) => step.kind === kind && step.name.includes(part));
