import { randomBytes } from 'node:crypto';
import { relative } from 'node:path';
import { interval, lastValueFrom, map, takeWhile } from 'rxjs';
import type { HttpServer } from '../http/http-server.ts';
import { servePlatformPage } from '../services/platform-page.ts';
import { type Balance, balanceOf, balanceTable, isBalanced } from '../tools/demo/balance.ts';
import { type Platform, startPlatform } from '../tools/demo/platform.ts';
import { showProgress } from '../tools/demo/progress.ts';
import { createResources, DEMO_PIPELINES } from '../tools/demo/provision-run.ts';
import { printReady, publishCommand } from '../tools/demo/ready-lines.ts';
import { namedResources, type RunResources } from '../tools/demo/run-resources.ts';
import { startSandboxProcess } from '../tools/demo/sandbox-process.ts';
import { countLines, countRows } from '../tools/demo/sink-counts.ts';
import { type Publisher, startPublisher } from '../tools/demo/start-publisher.ts';
import { Fleet } from '../tools/load/fleet.ts';
import { onSignal } from '../util/on-signal.ts';
import { EXIT } from './exit-codes.ts';

export interface DemoOptions {
  readonly messages: number;
  readonly devices: number;
  readonly rate?: number;
  readonly seed: number;
  readonly keep: boolean;
  readonly json: boolean;
}

/** Without progress in any stage for this long, the demo stops waiting and counts. */
const STALLED_MS = 30_000;

/** Limits how long the last objects of a run wait for more lines, since that is part of the measured time. */
const ARCHIVE_MAX_AGE_MS = '250';

/** `demo`: runs the whole platform on one machine, from a made-up fleet to the real sinks, and prints the balance. */
export async function demo(options: DemoOptions): Promise<number> {
  const say = (text: string) => console.error(text);
  const stopped = new AbortController();
  onSignal(() => stopped.abort());

  say('starting a local cloud and four services');
  const cloud = await startSandboxProcess();
  Object.assign(process.env, cloud.env);
  for (const missing of cloud.missing) say(`left out: ${missing}`);
  let platform: Platform | undefined;
  let publisher: Publisher | undefined;
  let page: HttpServer | undefined;
  try {
    const resources = namedResources(randomBytes(4).toString('hex'), cloud.env.GOOGLE_CLOUD_PROJECT ?? 'sandbox');
    const fleetOptions = { devices: options.devices, seed: options.seed, runId: resources.runId };
    const fleet = new Fleet(fleetOptions);
    const [messages, devices] = [options.messages, options.devices].map((count) => count.toLocaleString('en-US'));
    say(`run ${resources.runId}: ${messages} readings of ${devices} devices, seed ${options.seed}`);
    await createResources(resources, fleet, DEMO_PIPELINES);
    const env = { ...cloud.env, ...resources.env, ARCHIVE_MAX_AGE_MS };
    platform = await startPlatform({
      pipelines: DEMO_PIPELINES,
      env: { ...process.env, ...env },
      level: process.env.LOG_LEVEL ?? 'error',
      redis: cloud.env.REDIS_URL !== undefined,
    });
    if (options.keep) {
      page = await servePlatformPage(platform.all);
      say(`live page: ${page.url}`);
    }
    publisher = await startPublisher({
      url: process.env.MQTT_URL ?? '',
      messages: options.messages,
      ratePerSecond: options.rate,
      fleet: fleetOptions,
    });
    const balance = await measure(platform, publisher, resources, stopped.signal);
    const balanced = isBalanced(balance) && balance.published === options.messages;
    // With --keep, standard output is for a shell: it holds the lines that set the environment.
    (options.json || options.keep ? say : console.log)(
      `\n${balanceTable(balance)}\n\n  ${balanced ? 'balanced' : 'NOT BALANCED'}\n`,
    );
    if (page !== undefined && !stopped.signal.aborted) await keepRunning(page.url, platform, env, stopped.signal);
    const abandoned = await platform.shutdown();
    platform = undefined;
    if (options.json) console.log(JSON.stringify(balance));
    return balanced && abandoned === 0 ? EXIT.clean : EXIT.failed;
  } finally {
    await page?.close();
    await publisher?.close();
    await platform?.shutdown();
    await cloud.close();
  }
}

async function measure(
  platform: Platform,
  publisher: Publisher,
  resources: RunResources,
  signal: AbortSignal,
): Promise<Balance> {
  const published = () => publisher.confirmed;
  const started = performance.now();
  const progress = showProgress(platform, published);
  try {
    await publisher.publish(signal);
    await settled(platform, published);
  } finally {
    progress.unsubscribe();
    if (process.stderr.isTTY) process.stderr.write('\n');
  }
  const seconds = (performance.now() - started) / 1_000;
  const [rows, lines] = await Promise.all([countRows(resources), countLines(resources)]);
  return balanceOf({
    published: published(),
    ingested: platform.service('ingestion').ledger.acked,
    enriched: platform.service('enrich').ledger.acked,
    deadLettered: platform.all.reduce((sum, service) => sum + service.ledger.deadLettered, 0),
    seconds,
    rows,
    lines,
  });
}

/** Resolves when every service has settled all published messages, or when progress stops. */
async function settled(platform: Platform, published: () => number): Promise<void> {
  const done = () => platform.all.map(({ ledger }) => ledger.received - ledger.inFlight);
  let before = '';
  let movedAt = performance.now();
  const finished = interval(20).pipe(
    map(() => {
      const now = done();
      if (now.join() !== before) movedAt = performance.now();
      before = now.join();
      return now.every((count) => count >= published()) || performance.now() - movedAt > STALLED_MS;
    }),
    takeWhile((isDone) => !isDone, true),
  );
  await lastValueFrom(finished);
}

async function keepRunning(
  page: string,
  { all }: Platform,
  env: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<void> {
  const publish = publishCommand(env.MQTT_URL ?? '', 'home/kitchen/temperature', { payload: '{"temperature":21.5}' });
  const commands = [publish, 'npm run cli -- look rows --limit 1', 'npm run cli -- look archive --limit 1'];
  const folders = DEMO_PIPELINES.map((folder) => relative('.', folder));
  printReady({ page, services: all, folders, env, commands });
  if (signal.aborted) return;
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
