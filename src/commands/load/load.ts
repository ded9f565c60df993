import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { ConfigError } from '../../config/config-error.ts';
import { FatalError, toError } from '../../core/errors.ts';
import { Fleet } from '../../tools/load/fleet.ts';
import { payloadTemplate } from '../../tools/load/payload-template.ts';
import {
  type LoadEnd,
  type LoadMessage,
  type LoadOptions,
  type LoadProgress,
  newLoadProgress,
  publishLoad,
} from '../../tools/load/publish-load.ts';
import type { PublisherSettings } from '../../tools/load/publisher-settings.ts';
import { statusLine } from '../../tools/replay/status-line.ts';
import { onSignal } from '../../util/on-signal.ts';
import { brokerOf } from '../broker.ts';
import { EXIT } from '../exit-codes.ts';
import { projectOf } from '../project.ts';
import { type ArchiveLoad, type ArchiveMessage, openArchive } from './archive-messages.ts';
import type { LoadCommandOptions } from './options.ts';

const DEFAULT_DURATION_MS = 60_000;
/** Time after the end during which the load may still send messages that were due before. */
const LATE_MS = 1_000;
/** Pub/Sub and most brokers accept much less; a larger file is a mistake. */
const LARGEST_PAYLOAD_BYTES = 64 * 1024 * 1024;

const say = (text: string): void => console.error(text);
const count = (value: number): string => value.toLocaleString('en-US');

/** `load`: publishes messages of a made-up fleet or an archive to a broker, and counts the confirmations. */
export async function load(options: LoadCommandOptions): Promise<number> {
  const stopped = new AbortController();
  onSignal(() => stopped.abort());
  try {
    const broker = brokerOf(options, settingsOf(options));
    const run = options.run ?? randomBytes(4).toString('hex');
    const fleet = fleetOf(options, run);
    const plan = planOf(options);
    const archive = options.replay === undefined ? undefined : await archiveOf(options, fleet, stopped.signal);
    const { protocol, host } = new URL(broker.url);
    const of =
      archive === undefined ? `${count(options.devices)} devices` : `${count(archive.selected)} archived messages`;
    say(`run ${run}: ${planInWords(plan)} of ${of} to ${protocol}//${host}, QoS ${options.qos}`);
    const { progress, end } = await publish(
      { ...options, broker, ratePerSecond: options.rate, signal: stopped.signal, lastsMs: plan.lastsMs },
      plan,
      archive,
      fleet,
    );
    return tell({ ...options, run }, plan, progress, end, archive);
  } catch (thrown) {
    say(toError(thrown).message);
    return thrown instanceof ConfigError || thrown instanceof FatalError ? EXIT.configurationRefused : EXIT.failed;
  }
}

/** What to send, and for how long. */
interface Plan {
  readonly rate: number;
  readonly durationMs: number | undefined;
  /** Undefined for no limit. */
  readonly messages: number | undefined;
  /** Time when sending ends at the latest. */
  readonly lastsMs: number | undefined;
}

function planOf({ rate, duration, messages }: LoadCommandOptions): Plan {
  const durationMs = duration ?? (messages === undefined ? DEFAULT_DURATION_MS : undefined);
  if (rate === Number.POSITIVE_INFINITY) return { rate, durationMs, messages, lastsMs: durationMs };
  // Counts the messages due within the duration, the first at its start. Subtracts rounding errors of decimals.
  const due = durationMs === undefined ? Number.POSITIVE_INFINITY : Math.ceil((rate * durationMs) / 1_000 - 1e-9);
  const lastsMs = durationMs === undefined ? undefined : durationMs + LATE_MS;
  return { rate, durationMs, messages: Math.min(due, messages ?? Number.POSITIVE_INFINITY), lastsMs };
}

function planInWords({ rate, durationMs, messages }: Plan): string {
  const pace = rate === Number.POSITIVE_INFINITY ? 'as fast as possible' : `${count(rate)}/s`;
  const time = durationMs === undefined ? [] : [`for ${durationMs / 1_000} s`];
  return [messages === undefined ? 'messages' : `${count(messages)} messages`, pace, ...time].join(', ');
}

/** Returns settings for a plain URL. */
function settingsOf(options: LoadCommandOptions): Omit<PublisherSettings, 'url'> {
  const { username, passwordFile, caFile, insecureSkipVerify, protocol } = options;
  const hasTls = caFile !== undefined || insecureSkipVerify;
  return {
    protocolVersion: protocol,
    ...(username === undefined ? {} : { username }),
    ...(passwordFile === undefined ? {} : { passwordFile }),
    ...(hasTls ? { tls: { insecureSkipVerify, ...(caFile === undefined ? {} : { caFile }) } } : {}),
  };
}

/** @throws FatalError naming the wrong option. */
function fleetOf(options: LoadCommandOptions, runId: string): Fleet {
  const { devices, seed, topic, payload, replay } = options;
  if (payload !== undefined && replay !== undefined) {
    throw new FatalError('--payload: --replay is set too; remove one of them');
  }
  const filled = payload === undefined ? undefined : payloadTemplate(payloadIn(payload));
  return new Fleet({
    ...{ devices, seed, runId, now: Date.now },
    ...(topic === undefined ? {} : { topic }),
    ...(filled === undefined ? {} : { payload: filled }),
  });
}

function payloadIn(file: string): Buffer {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (thrown) {
    throw new FatalError(`--payload: ${file}: ${toError(thrown).message}`, { cause: thrown });
  }
  if (bytes.length <= LARGEST_PAYLOAD_BYTES) return bytes;
  throw new FatalError(
    `--payload: ${file} has ${count(bytes.length)} bytes; the maximum is ${count(LARGEST_PAYLOAD_BYTES)}`,
  );
}

async function archiveOf(options: LoadCommandOptions, fleet: Fleet, signal: AbortSignal): Promise<ArchiveLoad> {
  const { replay: location = '', topic, devices } = options;
  const topicOf = topic === undefined ? undefined : (device: number) => fleet.topicOf(device % devices);
  return openArchive({ location, projectId: projectOf(options), signal, topicOf });
}

interface Published {
  readonly progress: LoadProgress;
  readonly end: LoadEnd;
}

async function publish(
  options: Omit<LoadOptions<LoadMessage>, 'laneOf'>,
  plan: Plan,
  archive: ArchiveLoad | undefined,
  fleet: Fleet,
): Promise<Published> {
  const progress = newLoadProgress();
  const began = performance.now();
  const line = statusLine(() => inWords(progress, plan, (performance.now() - began) / 1_000));
  const most = plan.messages ?? Number.MAX_SAFE_INTEGER;
  try {
    const end =
      archive === undefined
        ? await publishLoad(fleet.readings(most), { ...options, laneOf: ({ index }) => index }, progress)
        : await publishLoad(first(most, archive.messages), { ...options, laneOf: ({ lane }) => lane }, progress);
    return { progress, end };
  } finally {
    line.unsubscribe();
  }
}

async function* first(most: number, messages: AsyncIterable<ArchiveMessage>): AsyncGenerator<ArchiveMessage> {
  let taken = 0;
  for await (const message of messages) {
    yield message;
    taken += 1;
    if (taken >= most) return;
  }
}

function inWords(progress: LoadProgress, plan: Plan, seconds: number): string {
  const { sent, confirmed, refused, unconfirmed, reconnects, latency } = progress;
  const p99 = latency.summary.p99;
  return [
    `${seconds.toFixed(0)} s${plan.durationMs === undefined ? '' : ` of ${plan.durationMs / 1_000} s`}`,
    `${count(sent)}${plan.messages === undefined ? '' : ` of ${count(plan.messages)}`} sent`,
    `${count(Math.round(confirmed / Math.max(seconds, 0.001)))}/s`,
    `${count(confirmed)} confirmed`,
    `${count(unconfirmed)} in flight`,
    ...(p99 === null ? [] : [`p99 ${p99} ms`]),
    ...(refused > 0 ? [`${count(refused)} refused`] : []),
    ...(reconnects > 0 ? [`${reconnects} reconnects`] : []),
  ].join('  ');
}

function tell(
  options: LoadCommandOptions & { readonly run: string },
  plan: Plan,
  progress: LoadProgress,
  { stoppedBy, seconds, sendingSeconds }: LoadEnd,
  archive: ArchiveLoad | undefined,
): number {
  const { sent, confirmed, refused, refusals, unconfirmed, resent, reconnects, unheard, latency } = progress;
  const isPaced = plan.rate !== Number.POSITIVE_INFINITY;
  const unsent = isPaced && plan.messages !== undefined ? plan.messages - sent : 0;
  const rate = sendingSeconds > 0 ? Math.round((sent / sendingSeconds) * 10) / 10 : 0;
  const { leftOut = 0, unreadable = 0 } = archive ?? {};
  const { p50, p90, p99, p999, max } = latency.summary;
  if (options.json) {
    console.log(
      JSON.stringify({
        run: options.run,
        ...{ sent, confirmed, refused, unconfirmed, unsent, resent, reconnects, unheard },
        ...(archive === undefined ? {} : { leftOut, unreadable }),
        ratePerSecond: rate,
        seconds: Math.round(seconds * 1_000) / 1_000,
        latencyMs: { p50, p90, p99, p999, max },
        refusals: Object.fromEntries(refusals),
        stoppedBy: stoppedBy instanceof Error ? stoppedBy.message : stoppedBy,
      }),
    );
  } else {
    const rows: [string, number, string][] = [
      ['sent', sent, `${count(rate)}/s`],
      ['confirmed', confirmed, unheard > 0 ? `${count(unheard)} of them without a subscriber` : ''],
      ['refused', refused, ''],
      ['unconfirmed', unconfirmed, ''],
      ['not sent', unsent, ''],
      ['sent again', resent, `after ${count(reconnects)} reconnects`],
      ...(archive === undefined ? [] : ([['left out', leftOut + unreadable, '']] satisfies [string, number, string][])),
    ];
    for (const [name, value, more] of rows)
      console.log(`  ${name.padEnd(12)}${count(value).padStart(12)}  ${more}`.trimEnd());
    if (p50 !== null) console.log(`  latency ms    p50 ${p50}  p90 ${p90}  p99 ${p99}  p99.9 ${p999}  max ${max}`);
  }
  for (const [why, times] of refusals) say(`refused ${count(times)} times: ${why}`);
  if (leftOut > 0)
    say(`${count(leftOut)} archived messages have no attribute mqtt_topic and were left out; set --topic`);
  if (unreadable > 0) say(`${count(unreadable)} lines or objects of the archive cannot be read`);
  if (stoppedBy instanceof Error) say(`stopped: ${stoppedBy.message}`);
  if (stoppedBy === 'signal') say('interrupted');
  if (stoppedBy === 'time' && unsent > 0) {
    say(
      `the broker accepted ${count(rate)} messages per second instead of ${count(plan.rate)}: ${count(unsent)} were not sent in time`,
    );
  }
  const isComplete = stoppedBy === 'signal' || unsent === 0;
  return isComplete && !(stoppedBy instanceof Error) && refused + unconfirmed + leftOut + unreadable === 0
    ? EXIT.clean
    : EXIT.failed;
}
