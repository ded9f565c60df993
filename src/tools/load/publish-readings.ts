import type { LoadMessage, LoadOptions, LoadProgress } from './publish-load.ts';
import { newLoadProgress, publishLoad } from './publish-load.ts';
import { publisherSettings } from './publisher-settings.ts';

export interface PublishOptions<M extends LoadMessage> extends Omit<LoadOptions<M>, 'broker'> {
  readonly url: string;
  readonly progress?: LoadProgress;
}

/**
 * Publishes messages at QoS 1 over one connection, which keeps each device's order. Resolves with the number confirmed
 * by the broker: all of them, unless the signal came first.
 *
 * @throws Error if one was refused, or if the broker stops confirming.
 */
export async function publishReadings<M extends LoadMessage>(
  readings: Iterable<M>,
  { url, progress = newLoadProgress(), ...options }: PublishOptions<M>,
): Promise<number> {
  const { stoppedBy } = await publishLoad(readings, { broker: publisherSettings({ url }), ...options }, progress);
  if (stoppedBy instanceof Error) throw stoppedBy;
  if (progress.refused > 0) {
    throw new Error(`${progress.refused} messages were refused: ${[...progress.refusals.keys()].join('; ')}`);
  }
  return progress.confirmed;
}
