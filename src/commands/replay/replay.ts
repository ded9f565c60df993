import { ConfigError } from '../../config/config-error.ts';
import { checkCredentials, type GoogleApi } from '../../connectors/google/credentials.ts';
import { createStorageClient } from '../../connectors/storage/client.ts';
import { FatalError, toError } from '../../core/errors.ts';
import { retryFor } from '../../operators/retry.ts';
import { Archive } from '../../tools/replay/archive.ts';
import { paceBySpeed, paceEvenly } from '../../tools/replay/pacing.ts';
import { progressBar } from '../../tools/replay/progress-bar.ts';
import { newProgress, type ReplayProgress, replayArchive } from '../../tools/replay/replay-archive.ts';
import { DEVICE_PATHS, selectionOf } from '../../tools/replay/selection.ts';
import { statusLine } from '../../tools/replay/status-line.ts';
import { type Scan, Timeline } from '../../tools/replay/timeline.ts';
import { onSignal } from '../../util/on-signal.ts';
import { EXIT } from '../exit-codes.ts';
import { projectOf } from '../project.ts';
import { openDestination } from './open-destination.ts';
import type { ReplayCommandOptions } from './options.ts';

const say = (text: string): void => console.error(text);
const count = (value: number): string => value.toLocaleString('en-US');
const timeText = (ms: number | undefined): string | undefined =>
  ms === undefined ? undefined : new Date(ms).toISOString();

/** `replay <bucket/prefix>`: scans an archive, and sends the selected messages in the order of their times. */
export async function replay(location: string, options: ReplayCommandOptions): Promise<number> {
  const stopped = new AbortController();
  onSignal(() => stopped.abort());
  try {
    const projectId = projectOf(options);
    const apis: GoogleApi[] = options.to === 'pubsub' ? ['storage', 'pubsub'] : ['storage'];
    await retryFor(() => checkCredentials({ projectId }, apis), toError);
    const archive = new Archive(createStorageClient({ projectId }), location);
    const select = selectionOf({
      timePath: options.time,
      ...(options.from === undefined ? {} : { from: options.from }),
      ...(options.until === undefined ? {} : { until: options.until }),
      devices: options.device,
      devicePaths: devicePathsOf(options),
    });
    const timeline = new Timeline(archive, select, options.input);
    const scan = await scanned(timeline, stopped.signal);
    const progress = newProgress();
    const began = performance.now();
    if (options.dryRun) showScan(scan);
    else if (!stopped.signal.aborted) await send(projectId, options, timeline, scan, progress, stopped.signal);
    if (stopped.signal.aborted) progress.stoppedBy ??= 'signal';
    return tell(scan, progress, options, (performance.now() - began) / 1_000);
  } catch (thrown) {
    say(toError(thrown).message);
    return thrown instanceof ConfigError || thrown instanceof FatalError ? EXIT.configurationRefused : EXIT.failed;
  }
}

function devicePathsOf({ devicePath }: ReplayCommandOptions): readonly string[] {
  return devicePath === undefined ? DEVICE_PATHS : [devicePath];
}

async function scanned(timeline: Timeline, signal: AbortSignal): Promise<Scan> {
  const began = performance.now();
  let state = { done: 0, of: 0 };
  const line = statusLine(() => `scanning ${progressBar({ ...state, seconds: (performance.now() - began) / 1_000 })}`);
  try {
    return await timeline.scan(signal, (done, of) => {
      state = { done, of };
    });
  } finally {
    line.unsubscribe();
  }
}

async function send(
  projectId: string,
  options: ReplayCommandOptions,
  timeline: Timeline,
  scan: Scan,
  progress: ReplayProgress,
  signal: AbortSignal,
): Promise<void> {
  const { destination, toOriginal } = await openDestination(projectId, options, devicePathsOf(options));
  say(`replaying ${count(scan.selected)} of ${count(scan.lines)} messages to ${destination.description}`);
  const began = performance.now();
  const line = statusLine(() =>
    progressBar({
      done: progress.replayed + progress.refused,
      of: scan.selected,
      seconds: (performance.now() - began) / 1_000,
      atMs: progress.atMs,
    }),
  );
  try {
    const { speed, spread } = options;
    const pacing = spread === undefined ? paceBySpeed(speed) : paceEvenly(scan.selected, spread);
    await replayArchive({ messages: timeline.messages(), destination, toOriginal, pacing, signal }, progress);
  } finally {
    line.unsubscribe();
    await destination.close();
  }
}

function showScan({ byFolder, firstMs, lastMs, devices }: Scan): void {
  for (const [folder, messages] of byFolder) console.log(`${count(messages).padStart(12)}  ${folder}`);
  if (firstMs !== undefined) say(`${count(devices)} devices, from ${timeText(firstMs)} to ${timeText(lastMs)}`);
}

function tell(scan: Scan, progress: ReplayProgress, { json, dryRun }: ReplayCommandOptions, seconds: number): number {
  const { replayed, refused, refusals, stoppedBy, safeUntilMs } = progress;
  for (const problem of scan.unreadable) say(`cannot be read: ${problem}`);
  if (scan.unreadableCount > scan.unreadable.length) say(`… and ${scan.unreadableCount - scan.unreadable.length} more`);
  for (const { id, error } of refusals) say(`refused ${id}: ${error}`);
  const unsent = dryRun ? 0 : scan.selected - replayed - refused;
  if (json) {
    console.log(
      JSON.stringify({
        objects: scan.objects,
        lines: scan.lines,
        selected: scan.selected,
        replayed,
        refused,
        unreadable: scan.unreadableCount,
        unsent,
        seconds: Math.round(seconds * 1_000) / 1_000,
        stoppedBy: stoppedBy instanceof Error ? stoppedBy.message : stoppedBy,
        continueFrom: unsent > 0 ? timeText(safeUntilMs ?? scan.firstMs) : undefined,
      }),
    );
  } else {
    const what = dryRun ? `${count(scan.selected)} messages would be replayed` : `${count(replayed)} messages replayed`;
    console.log(`${what}, ${count(refused)} refused, ${count(scan.unreadableCount)} unreadable`);
  }
  if (stoppedBy instanceof Error) say(`stopped: ${stoppedBy.message}`);
  if (stoppedBy === 'signal') say('interrupted');
  if (unsent > 0)
    say(`${count(unsent)} are left: --from ${timeText(safeUntilMs ?? scan.firstMs)} continues, and repeats a few`);
  return stoppedBy === undefined && refused === 0 && scan.unreadableCount === 0 && unsent === 0
    ? EXIT.clean
    : EXIT.failed;
}
