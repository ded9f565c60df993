import type { Storage } from '@google-cloud/storage';
import { checkCredentials, type GoogleApi } from '../../connectors/google/credentials.ts';
import { createPubSubClients, type PubSubClients } from '../../connectors/pubsub/client.ts';
import { createStorageClient } from '../../connectors/storage/client.ts';
import { toError } from '../../core/errors.ts';
import { retryFor } from '../../operators/retry.ts';
import type { ServiceConfig } from '../../services/services.ts';
import { DeadLetterReader } from './dead-letter-reader.ts';
import { type FoundSubscription, findSubscription, type SubscriptionChoice } from './find-subscription.ts';

/** A pipeline's dead letters, open for reading. */
export interface OpenDeadLetters {
  readonly clients: PubSubClients;
  readonly subscription: FoundSubscription;
  readonly reader: DeadLetterReader;
  /** Created on first use. */
  readonly storage: () => Storage;
  /** Returns dead letters that were read but not acknowledged. */
  close(): Promise<void>;
}

/**
 * Opens the dead-letter subscription of a pipeline. Reading ends after `idleTimeoutMs` without new dead letters.
 *
 * @throws FatalError naming the setting or option at fault.
 */
export async function openDeadLetters(
  config: ServiceConfig,
  choice: SubscriptionChoice,
  idleTimeoutMs: number,
): Promise<OpenDeadLetters> {
  const apis: GoogleApi[] = config.deadLetters?.bucket === undefined ? ['pubsub'] : ['pubsub', 'storage'];
  await retryFor(() => checkCredentials(config.google, apis), toError);
  const clients = await createPubSubClients(config.google);
  let storage: Storage | undefined;
  try {
    const subscription = await findSubscription(clients, config, choice);
    const reader = new DeadLetterReader({
      client: clients.subscriber,
      subscription: subscription.name,
      quietMs: idleTimeoutMs,
    });
    return {
      clients,
      subscription,
      reader,
      storage: () => {
        storage ??= createStorageClient(config.google);
        return storage;
      },
      close: async () => {
        try {
          await reader.close();
        } finally {
          await clients.close();
        }
      },
    };
  } catch (thrown) {
    await clients.close();
    throw thrown;
  }
}
