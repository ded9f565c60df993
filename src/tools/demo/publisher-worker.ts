import { parentPort, workerData } from 'node:worker_threads';
import { toError } from '../../core/errors.ts';
import { Fleet } from '../load/fleet.ts';
import { newLoadProgress } from '../load/publish-load.ts';
import { publishReadings } from '../load/publish-readings.ts';
import type { PublisherJob, PublisherOrder, PublisherReport } from './publisher-job.ts';

const REPORT_EVERY_MS = 20;

/** Publishes the job of `startPublisher` in this thread. */
async function publish({ url, messages, ratePerSecond, fleet }: PublisherJob, signal: AbortSignal): Promise<void> {
  const progress = newLoadProgress();
  const reporting = setInterval(() => report({ kind: 'progress', confirmed: progress.confirmed }), REPORT_EVERY_MS);
  try {
    await publishReadings(new Fleet(fleet).readings(messages), { url, ratePerSecond, signal, progress });
    report({ kind: 'end', confirmed: progress.confirmed });
  } catch (thrown) {
    report({ kind: 'failure', confirmed: progress.confirmed, message: toError(thrown).message });
  } finally {
    clearInterval(reporting);
  }
}

function report(about: PublisherReport): void {
  parentPort?.postMessage(about);
}

const stopped = new AbortController();
parentPort?.on('message', (order: PublisherOrder) => {
  if (order === 'start') void publish(workerData, stopped.signal);
  else stopped.abort();
});
report({ kind: 'ready' });
