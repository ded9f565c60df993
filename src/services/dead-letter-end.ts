import type { Storage } from '@google-cloud/storage';
import { checkCredentials } from '../clients/credentials.ts';
import type { GoogleConfig } from '../clients/google-config.ts';
import type { PubSubClients } from '../clients/pubsub.ts';
import { createStorageClient } from '../clients/storage.ts';
import type { Desk } from '../core/delivery.ts';
import { checkDeadLetters } from '../sinks/dead-letters/check-dead-letters.ts';
import type { DeadLettersConfig } from '../sinks/dead-letters/config.ts';
import { type DeadLettersOptions, deadLetters } from '../sinks/dead-letters/dead-letters.ts';
import type { Shell } from './shell.ts';

interface DeadLetterParts extends Pick<DeadLettersOptions, 'publisher' | 'sourceOf' | 'probe'> {
  readonly clients: PubSubClients;
  readonly storage: Storage | undefined;
}

/** Where the poisoned messages of a service go. */
export interface DeadLetterEnd {
  readonly bury: Desk['bury'];
  /** Checks that what `deadLetters` names exists. */
  readonly check: () => Promise<void>;
}

/** What the four services do with poisoned messages. A Storage client is built only where a bucket is configured. */
export function openDeadLetters(
  shell: Shell,
  { google, deadLetters: config }: { google: GoogleConfig; deadLetters?: DeadLettersConfig | undefined },
  { clients, storage, publisher, sourceOf, probe }: DeadLetterParts,
): DeadLetterEnd {
  const { service, telemetry, readiness } = shell;
  const bucket =
    config?.bucket === undefined ? undefined : (storage ?? createStorageClient(google)).bucket(config.bucket);
  return {
    bury: deadLetters({
      service,
      config,
      sourceOf,
      publisher,
      bucket,
      telemetry,
      readiness,
      probe,
      onFailingTargets: (failing, credit) => shell.watchTargets({ credit, failing }),
    }),
    check: async () => {
      if (bucket !== undefined && storage === undefined) await checkCredentials(google, ['storage']);
      if (config !== undefined) await checkDeadLetters(clients, google.projectId, config, bucket, telemetry);
    },
  };
}
