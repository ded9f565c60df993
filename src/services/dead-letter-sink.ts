import type { Storage } from '@google-cloud/storage';
import { checkCredentials } from '../connectors/google/credentials.ts';
import type { GoogleConfig } from '../connectors/google/google-config.ts';
import type { ServiceClients } from '../connectors/pubsub/service-client.ts';
import type { DeliveryContext } from '../core/delivery.ts';
import { checkDeadLetters } from '../dead-letters/check.ts';
import type { DeadLettersConfig } from '../dead-letters/config.ts';
import { type DeadLettersOptions, deadLetters } from '../dead-letters/sink.ts';
import type { ServiceContext } from './service-context.ts';

interface DeadLetterParts extends Pick<DeadLettersOptions, 'publisher' | 'sourceOf' | 'probe'> {
  readonly clients: ServiceClients;
  readonly storage: Storage | undefined;
}

/** The sink for a service's poisoned messages. */
export interface DeadLetterSink {
  readonly deadLetter: DeliveryContext['deadLetter'];
  /** Checks that the resources of `deadLetters` exist. */
  readonly check: () => Promise<void>;
}

/** Opens the dead-letter sink of a service. Loads the Storage client, which takes 10 MB, only if a bucket is configured. */
export async function openDeadLetterSink(
  context: ServiceContext,
  { google, deadLetters: config }: { google: GoogleConfig; deadLetters?: DeadLettersConfig | undefined },
  { clients, storage, publisher, sourceOf, probe }: DeadLetterParts,
): Promise<DeadLetterSink> {
  const { service, telemetry, readiness } = context;
  const bucket =
    config?.bucket === undefined ? undefined : (storage ?? (await openStorage(google))).bucket(config.bucket);
  return {
    deadLetter: deadLetters({
      service,
      config,
      sourceOf,
      publisher,
      bucket,
      telemetry,
      readiness,
      probe,
      onFailingTargets: (failing, credit) => context.watchTargets({ credit, failing, isForDeadLetters: true }),
    }),
    check: async () => {
      if (bucket !== undefined && storage === undefined) await checkCredentials(google, ['storage']);
      if (config !== undefined) await checkDeadLetters(clients, google.projectId, config, bucket, telemetry);
    },
  };
}

async function openStorage(google: GoogleConfig): Promise<Storage> {
  const { createStorageClient } = await import('../connectors/storage/client.ts');
  return createStorageClient(google);
}
