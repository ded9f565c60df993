import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CreateSubscriptionOptions, type Message, PubSub } from '@google-cloud/pubsub';
import { type Sandbox, startSandbox } from '../src/sandbox/sandbox.ts';
import { type Child, startChild } from '../src/testing/child.ts';
import { receiveMessages } from '../src/testing/receive-messages.ts';

const LAUNCH = join(import.meta.dirname, '../src/launch.mjs');

/** What `dead-letters list --json` prints. */
export interface ListedLetters {
  readonly letters: readonly {
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

/** Pipelines of a test's own, and the commands on them as processes. */
export interface DeadLettersRunner {
  /** Writes a pipeline and returns its folder. */
  pipeline(config: object): string;
  /** Starts `dead-letters …`. */
  start(...args: string[]): Promise<Child>;
  /** Runs `dead-letters …` to its end. */
  run(...args: string[]): Promise<{ code: number | null; stdout: string; output: string }>;
  /** Runs `dead-letters list --json`, which must end well. */
  list(pipeline: string, ...options: string[]): Promise<ListedLetters>;
  close(): void;
}

export function deadLettersRunner(): DeadLettersRunner {
  const folder = mkdtempSync(join(tmpdir(), 'letters-'));
  let pipelines = 0;
  const start = (...args: string[]) => startChild(process.execPath, [LAUNCH, 'dead-letters', ...args]);
  const run = async (...args: string[]) => {
    const child = await start(...args);
    const code = await child.exited;
    return { code, stdout: child.stdout, output: child.output };
  };
  return {
    start,
    run,
    list: async (pipeline, ...options) => {
      const { code, stdout, output } = await run('list', pipeline, '--json', ...options);
      if (code !== 0) throw new Error(`list ended with ${code}:\n${output}`);
      return JSON.parse(stdout);
    },
    pipeline: (config) => {
      pipelines += 1;
      const path = join(folder, `p${pipelines}`);
      mkdirSync(path);
      // JSON is YAML.
      writeFileSync(join(path, 'pipeline.yaml'), JSON.stringify(config));
      return path;
    },
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** A sandbox with the commands, and what arrives on its subscriptions. */
export interface LettersRig extends Omit<DeadLettersRunner, 'close'> {
  readonly sandbox: Sandbox;
  readonly pubsub: PubSub;
  /** What every pipeline begins with. */
  readonly common: { readonly google: { readonly projectId: string }; readonly http: { host: string; port: number } };
  /** Creates a topic and its only subscription, both of that name with the run's id behind it. */
  newTopic(name: string, options?: CreateSubscriptionOptions): Promise<string>;
  /** Acknowledges and collects all that arrives, each message once. */
  collect(subscription: string): readonly Message[];
  /** Publishes one envelope, and returns its data. */
  publish(topic: string, id: string, payload: unknown, attributes?: Record<string, string>): Promise<Buffer>;
  close(): Promise<void>;
}

/** Starts the rig; the sandbox's environment is set in this process. */
export async function startLettersRig(): Promise<LettersRig> {
  const sandbox = await startSandbox();
  sandbox.applyEnv();
  const pubsub = new PubSub({ projectId: sandbox.projectId });
  const runId = randomBytes(4).toString('hex');
  const runner = deadLettersRunner();
  const collecting: { close(): Promise<void> }[] = [];
  return {
    ...runner,
    sandbox,
    pubsub,
    common: { google: { projectId: sandbox.projectId }, http: { host: '127.0.0.1', port: 0 } },
    newTopic: async (name, options = {}) => {
      const id = `${name}-${runId}`;
      await pubsub.createTopic(id);
      await pubsub.topic(id).createSubscription(id, options);
      return id;
    },
    collect: (name) => {
      const subscription = pubsub.subscription(name);
      collecting.push(subscription);
      return receiveMessages(subscription);
    },
    publish: async (topic, id, payload, attributes = {}) => {
      const data = Buffer.from(
        JSON.stringify({
          id,
          payload: Buffer.from(JSON.stringify(payload)).toString('base64'),
          publishTime: '2026-02-03T04:05:06Z',
        }),
      );
      await pubsub.topic(topic).publishMessage({ data, attributes });
      return data;
    },
    close: async () => {
      for (const one of collecting) await one.close();
      await pubsub.close();
      await sandbox.close();
      runner.close();
    },
  };
}
