import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

const LAUNCH = join(import.meta.dirname, '../../launch.mjs');
const VARIABLE = /^export (\w+)=(.*)$/gm;

/** A sandbox in a separate process, so that it does not share a core with its clients. */
export interface SandboxProcess {
  /** Environment variables for its clients. */
  readonly env: Readonly<Record<string, string>>;
  /** Omitted servers, with the reason. */
  readonly missing: readonly string[];
  /** Resolves when the process has ended. */
  readonly ended: Promise<void>;
  close(): Promise<void>;
}

/** Starts a sandbox that ends with this process, and resolves when it is ready. Rejects with its output. */
export async function startSandboxProcess(): Promise<SandboxProcess> {
  const child = spawn(process.execPath, [LAUNCH, 'sandbox', '--until-stdin-ends'], {
    stdio: ['pipe', 'pipe', 'pipe'],
    // In a separate process group: Ctrl-C reaches only this process, which drains into the sandbox before ending it.
    detached: true,
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  const ended = once(child, 'close').then(() => {});
  // Whoever waits for it to be ready gets the error too.
  ended.catch(() => {});
  const ready = new Promise<void>((resolve, reject) => {
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
      if (stderr.includes('sandbox ready')) resolve();
    });
    child.once('error', reject);
    child.once('close', () => reject(new Error(`the sandbox ended:\n${stderr}`)));
  });
  await ready;
  return {
    env: Object.fromEntries(Array.from(stdout.matchAll(VARIABLE), ([, name = '', value = '']) => [name, value])),
    missing: Array.from(stderr.matchAll(/^left out: (.*)$/gm), ([, what = '']) => what),
    ended,
    close: async () => {
      child.stdin.end();
      await ended;
    },
  };
}
