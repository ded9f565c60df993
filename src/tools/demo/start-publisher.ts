import { Worker } from 'node:worker_threads';
import type { PublisherJob, PublisherOrder, PublisherReport } from './publisher-job.ts';

/** A fleet's publisher in a separate thread, so that it does not slow down the services it feeds. */
export interface Publisher {
  /** Messages confirmed by the broker, as of a moment ago. */
  readonly confirmed: number;
  /**
   * Publishes, and resolves when all messages are confirmed or, after the signal, those in flight. Rejects on failure.
   */
  publish(signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/** Starts the thread, and resolves when its code is loaded and it is ready to publish. */
export async function startPublisher(job: PublisherJob): Promise<Publisher> {
  const worker = new Worker(new URL('./publisher-worker.ts', import.meta.url), { workerData: job });
  const order = (what: PublisherOrder) => worker.postMessage(what);
  const ready = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<void>();
  let confirmed = 0;
  worker.on('message', (report: PublisherReport) => {
    if (report.kind === 'ready') return ready.resolve();
    confirmed = report.confirmed;
    if (report.kind === 'end') ended.resolve();
    if (report.kind === 'failure') ended.reject(new Error(report.message));
  });
  const fail = (error: Error): void => {
    ready.reject(error);
    ended.reject(error);
  };
  worker.once('error', fail);
  worker.once('exit', () => fail(new Error("the publisher's thread has ended")));
  // Nothing may be awaiting it when the thread is closed.
  ended.promise.catch(() => {});
  await ready.promise;
  return {
    get confirmed() {
      return confirmed;
    },
    publish: async (signal) => {
      const stop = () => order('stop');
      signal.addEventListener('abort', stop);
      if (signal.aborted) stop();
      order('start');
      try {
        await ended.promise;
      } finally {
        signal.removeEventListener('abort', stop);
      }
    },
    close: async () => {
      await worker.terminate();
    },
  };
}
