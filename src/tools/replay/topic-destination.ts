import { PubSub } from '@google-cloud/pubsub';
import type { GoogleConfig } from '../../connectors/google/google-config.ts';
import { withoutReserved } from '../../connectors/pubsub/limits.ts';
import { errorCode, FatalError, PoisonError, toError } from '../../core/errors.ts';
import type { Destination } from './destination.ts';

const GRPC_INVALID_ARGUMENT = 3;

/**
 * Publishes to a topic with the official client, which batches, retries, and keeps the order of an ordering key. After
 * a failure of a key, the client refuses later messages of it, so that none overtakes.
 *
 * @throws FatalError if the topic does not exist.
 */
export async function topicDestination(google: GoogleConfig, topicId: string): Promise<Destination> {
  const pubsub = new PubSub({
    projectId: google.projectId,
    ...(google.keyFilename === undefined ? {} : { keyFilename: google.keyFilename }),
  });
  const topic = pubsub.topic(topicId, {
    messageOrdering: true,
    batching: { maxMessages: 1_000, maxMilliseconds: 10 },
  });
  try {
    await topic.getMetadata();
  } catch (thrown) {
    await pubsub.close();
    throw new FatalError(`--topic: ${topicId}: ${toError(thrown).message}`, { cause: thrown });
  }
  return {
    description: `the topic ${topic.name}; every subscription gets them`,
    async send({ data, attributes, orderingKey }) {
      try {
        await topic.publishMessage({
          data: Buffer.from(data.buffer, data.byteOffset, data.byteLength),
          attributes: { ...withoutReserved(attributes) },
          ...(orderingKey === '' ? {} : { orderingKey }),
        });
      } catch (thrown) {
        if (errorCode(thrown) !== GRPC_INVALID_ARGUMENT) throw thrown;
        if (orderingKey !== '') topic.resumePublishing(orderingKey);
        throw new PoisonError('rejected', toError(thrown).message, { cause: thrown });
      }
    },
    close: async () => {
      await topic.flush();
      await pubsub.close();
    },
  };
}
