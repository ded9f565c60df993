import { checkCredentials } from '../../connectors/google/credentials.ts';
import { createStorageClient } from '../../connectors/storage/client.ts';
import { FatalError, toError } from '../../core/errors.ts';
import { retryFor } from '../../operators/retry.ts';
import type { LoadMessage } from '../../tools/load/publish-load.ts';
import { Archive } from '../../tools/replay/archive.ts';
import { DEVICE_PATHS, selectionOf } from '../../tools/replay/selection.ts';
import { Timeline } from '../../tools/replay/timeline.ts';

/** A message of an archive to be sent to a broker. */
export interface ArchiveMessage extends LoadMessage {
  /** The same for all messages of a device. */
  readonly lane: number;
}

/** An archive as an endless load. */
export interface ArchiveLoad {
  /** In the order of their times, repeated from the beginning. */
  readonly messages: AsyncIterable<ArchiveMessage>;
  /** Messages per round. */
  readonly selected: number;
  /** Unreadable objects and lines. */
  readonly unreadable: number;
  /** Messages without a known topic, which are left out. */
  readonly leftOut: number;
}

export interface ArchiveLoadOptions {
  readonly location: string;
  readonly projectId: string;
  readonly signal: AbortSignal;
  /** Topic of the nth device of the archive. Default: the attribute `mqtt_topic` of each message. */
  readonly topicOf?: ((device: number) => string) | undefined;
}

/**
 * Scans an archive to send it over MQTT repeatedly.
 *
 * @throws FatalError if the archive cannot be read, or holds nothing that can be sent.
 */
export async function openArchive({ location, projectId, signal, topicOf }: ArchiveLoadOptions): Promise<ArchiveLoad> {
  await retryFor(() => checkCredentials({ projectId }, ['storage']), toError);
  const archive = new Archive(createStorageClient({ projectId }), location);
  const select = selectionOf({ timePath: 'metadata.publishTime', devices: [], devicePaths: DEVICE_PATHS });
  const timeline = new Timeline(archive, select);
  const { selected, unreadableCount } = await timeline.scan(signal);
  if (selected === 0 && !signal.aborted) throw new FatalError(`--replay: ${location} holds no messages`);
  let leftOut = 0;
  const numbers = new Map<string, number>();
  const numberOf = (device: string): number => {
    const known = numbers.get(device) ?? numbers.size;
    numbers.set(device, known);
    return known;
  };
  async function* messages(): AsyncGenerator<ArchiveMessage> {
    while (!signal.aborted) {
      let sendable = 0;
      for await (const { message, device } of timeline.messages()) {
        const { payload, attributes } = message;
        const lane = numberOf(device ?? attributes.mqtt_topic ?? '');
        const topic = topicOf === undefined ? attributes.mqtt_topic : topicOf(lane);
        if (topic === undefined || topic === '') {
          leftOut += 1;
          continue;
        }
        sendable += 1;
        yield { topic, payload: Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength), lane };
      }
      if (sendable === 0 && !signal.aborted) {
        throw new FatalError(`--replay: no message of ${location} has an attribute mqtt_topic; set --topic`);
      }
    }
  }
  return {
    messages: messages(),
    selected,
    unreadable: unreadableCount,
    get leftOut() {
      return leftOut;
    },
  };
}
