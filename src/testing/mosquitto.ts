import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { freePort } from '../sandbox/free-port.ts';
import { type Child, startChild } from './child.ts';
import { eventually } from './eventually.ts';

/** Paths of a real mosquitto; `/usr/sbin` is on few users' PATH. */
const PATHS = ['mosquitto', '/usr/sbin/mosquitto', '/usr/local/sbin/mosquitto', '/opt/homebrew/sbin/mosquitto'];

/** The path of an installed mosquitto, or undefined. */
export function findMosquitto(): string | undefined {
  return PATHS.find((path) => spawnSync(path, ['-h'], { stdio: 'ignore' }).error === undefined);
}

export interface Mosquitto {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Ends the broker: SIGTERM lets it save its sessions and messages first, SIGKILL does not. */
  stop(signal: NodeJS.Signals): Promise<void>;
  /** Saves its state now, as at its end, so that it survives a SIGKILL. */
  save(): Promise<void>;
  /** Removes the saved state of a stopped broker. */
  forget(): Promise<void>;
  /** Starts it again, on the same port and with the saved state. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

/** Starts a real mosquitto whose own limits lose nothing: no queue limit, sessions and messages on disk. */
export async function startMosquitto(extraLines: readonly string[] = []): Promise<Mosquitto> {
  const path = findMosquitto();
  if (path === undefined) throw new Error('mosquitto is not installed');
  const folder = mkdtempSync(join(tmpdir(), 'mosquitto-'));
  const port = await freePort();
  const config = [
    `listener ${port} 127.0.0.1`,
    'allow_anonymous true',
    'max_queued_messages 0',
    'max_inflight_messages 1000',
    'persistence true',
    `persistence_location ${folder}/`,
    'user root',
    ...extraLines,
  ];
  writeFileSync(join(folder, 'mosquitto.conf'), `${config.join('\n')}\n`);
  const start = () => startChild(path, ['-c', join(folder, 'mosquitto.conf')], { readyWhen: /running/ });
  // Written under another name first.
  const saved = join(folder, 'mosquitto.db');
  const forget = () => rm(saved, { force: true });
  let child: Child = await start();
  return {
    url: `mqtt://127.0.0.1:${port}`,
    port,
    get pid() {
      return child.pid;
    },
    stop: async (signal) => {
      await child.end(signal);
    },
    save: async () => {
      await forget();
      process.kill(child.pid, 'SIGUSR1');
      await eventually(() => assert.ok(existsSync(saved), 'mosquitto has not saved'));
    },
    forget,
    restart: async () => {
      child = await start();
    },
    close: async () => {
      await child.end();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
