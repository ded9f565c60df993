import { join } from 'node:path';
import { type Child, startChild } from '../src/testing/child.ts';

const ROOT = join(import.meta.dirname, '..');

/** Runs one pipeline of `pipelines/` in a process of its own, and waits until it says that it is ready. */
export function runService(pipeline: string, env: Readonly<Record<string, string>>): Promise<Child> {
  return startChild(process.execPath, [join(ROOT, 'src/launch.mjs'), 'run', join(ROOT, 'pipelines', pipeline)], {
    env: { ...process.env, ...env, LOG_LEVEL: 'info' },
    readyWhen: /"event":"service.ready"/,
  });
}
