import { type Observable, type OperatorFunction, tap } from 'rxjs';
import { checkCredentials } from '../../connectors/google/credentials.ts';
import { type BatchKeyOf, batchKeyBy, checkedBatchKey } from '../../connectors/storage/batch-key.ts';
import { ensureBucket } from '../../connectors/storage/check.ts';
import { createStorageClient } from '../../connectors/storage/client.ts';
import { type StoredObject, storageSink } from '../../connectors/storage/sink.ts';
import type { Delivery, Outcome } from '../../core/delivery.ts';
import type { Probe } from '../../core/probe.ts';
import { identityBy } from '../../formats/identity.ts';
import { decodeInput } from '../../operators/decode-input.ts';
import { settle } from '../../operators/settle.ts';
import { createBucket } from '../../resources/bucket.ts';
import { defineService, type ServiceOpening } from '../define-service.ts';
import { openPubSubInput } from '../pubsub-input.ts';
import type { CommonDependencies, ServiceContext } from '../service-context.ts';
import { type IcestoreConfig, settings } from './config.ts';

/** The path of one delivery, up to its settlement. */
export function icestoreGraph(
  deliveries: Observable<Delivery>,
  { config, probes }: Pick<Opening, 'config' | 'probes'>,
  { storeObjects }: { readonly storeObjects: OperatorFunction<Delivery, Outcome> },
): Observable<Outcome> {
  return deliveries.pipe(
    tap(probes.received.hit),
    decodeInput(config.input),
    tap(probes.decoded.hit),
    storeObjects,
    settle(),
    tap(probes.settled.hit),
  );
}

/** Pub/Sub to Cloud Storage. Acknowledges each message once its object is finalized. */
export const createIcestore = defineService({
  ...settings,
  inFlight: ({ source, archive }) => ({ ...source, maxWaitMs: archive.maxAgeMs }),
  probes: icestoreProbes,
  build: openParts,
  graph: icestoreGraph,
});
export default createIcestore;

export interface IcestoreDependencies extends CommonDependencies {
  /** Names the group of a message, instead of `archive.time` and `archive.location`. */
  readonly batchKey?: BatchKeyOf;
}

export interface IcestoreProbes {
  readonly decoded: Probe<Delivery>;
  /** Objects that are safely stored. */
  readonly stored: Probe<StoredObject>;
}

export function icestoreProbes(probe: ServiceContext['probe']): IcestoreProbes {
  return { decoded: probe('decoded', 'messages'), stored: probe('stored', 'objects') };
}

type Opening = ServiceOpening<IcestoreConfig, IcestoreProbes, IcestoreDependencies>;

async function openParts(opening: Opening) {
  const { config, context, dependencies, probes } = opening;
  const { credit, telemetry, readiness } = context;
  const { archive, bucket } = config;
  context.wiring.outputs = () => [`gs://${[bucket.name, bucket.prefix].filter(Boolean).join('/')}`];
  const storage = dependencies.storage ?? createStorageClient(config.google);
  // Dead letters that are too large for Pub/Sub use the same client.
  const { source, check, close } = await openPubSubInput({ ...opening, dependencies: { ...dependencies, storage } });
  return {
    source,
    storeObjects: storageSink({
      bucket: storage.bucket(bucket.name),
      prefix: bucket.prefix,
      config: archive,
      credit,
      batchKeyOf: batchKeyOf(opening),
      identityOf: identityBy(config.identity),
      telemetry,
      readiness,
      onFailingTargets: (failing) => context.watchTargets({ credit, failing }),
      onFlush: probes.flushed.hit,
      onStored: probes.stored.hit,
    }),
    check: async () => {
      await check();
      if (dependencies.storage === undefined) await checkCredentials(config.google, ['storage']);
      await ensureBucket(storage.bucket(bucket.name), bucket, {
        telemetry,
        create: () => createBucket(storage, bucket),
      });
    },
    close,
  };
}

/** Names groups by the hook `batchKey`, or else by the paths of the configuration. */
export function batchKeyOf({ config: { archive }, dependencies: { batchKey } }: Opening): BatchKeyOf {
  return batchKey === undefined
    ? batchKeyBy(archive.time, archive.location, archive.acceptTestTime)
    : checkedBatchKey(batchKey);
}
