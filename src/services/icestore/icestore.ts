import { tap } from 'rxjs';
import { checkCredentials } from '../../connectors/google/credentials.ts';
import { type BatchKeyOf, batchKeyBy, checkedBatchKey } from '../../connectors/storage/batch-key.ts';
import { ensureBucket } from '../../connectors/storage/check.ts';
import { createStorageClient } from '../../connectors/storage/client.ts';
import { type StoredObject, storageSink } from '../../connectors/storage/sink.ts';
import type { Delivery } from '../../core/delivery.ts';
import type { Probe } from '../../core/probe.ts';
import { identityBy } from '../../formats/identity.ts';
import { decodeInput } from '../../operators/decode-input.ts';
import { settle } from '../../operators/settle.ts';
import { openPubSubInput } from '../pubsub-input.ts';
import { createService, type Service } from '../service.ts';
import { type CommonDependencies, type CommonProbes, openServiceContext } from '../service-context.ts';
import type { IcestoreConfig } from './config.ts';

export interface IcestoreDependencies extends CommonDependencies {
  /** Names the group of a message, in the place of `archive.time` and `archive.location`. */
  readonly batchKey?: BatchKeyOf;
}

export interface IcestoreProbes extends CommonProbes {
  readonly decoded: Probe<Delivery>;
  /** Objects that are safe. */
  readonly stored: Probe<StoredObject>;
}

/** Pub/Sub to Cloud Storage. Each message is acknowledged once the object that holds it is finalized. */
export function createIcestore(
  config: IcestoreConfig,
  dependencies: IcestoreDependencies = {},
): Service<IcestoreProbes> {
  const context = openServiceContext(
    'icestore',
    config,
    { ...config.source, maxWaitMs: config.archive.maxAgeMs },
    dependencies,
  );
  const { credit, telemetry, readiness } = context;
  const probes: IcestoreProbes = {
    ...context.commonProbes(),
    decoded: context.probe('decoded'),
    stored: context.probe('stored'),
  };

  return createService(context, config, probes, async () => {
    const { archive, bucket, identity } = config;
    const storage = dependencies.storage ?? createStorageClient(config.google);
    const { source, check, close } = await openPubSubInput(context, config, probes.deadLettered, {
      ...dependencies,
      storage,
    });
    return {
      source,
      check: async () => {
        await check();
        if (dependencies.storage === undefined) await checkCredentials(config.google, ['storage']);
        await ensureBucket(storage, bucket, telemetry);
      },
      graph: (deliveries) =>
        deliveries.pipe(
          tap(probes.received.hit),
          decodeInput(config.input),
          tap(probes.decoded.hit),
          storageSink({
            bucket: storage.bucket(bucket.name),
            prefix: bucket.prefix,
            config: archive,
            credit,
            batchKeyOf:
              dependencies.batchKey === undefined
                ? batchKeyBy(archive.time, archive.location, archive.acceptTestTime)
                : checkedBatchKey(dependencies.batchKey),
            identityOf: identityBy(identity),
            telemetry,
            readiness,
            onFailingTargets: (failing) => context.watchTargets({ credit, failing }),
            onFlush: probes.flushed.hit,
            onStored: probes.stored.hit,
          }),
          settle(),
          tap(probes.settled.hit),
        ),
      close,
    };
  });
}
