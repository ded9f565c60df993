import { firstValueFrom, identity, type MonoTypeOperatorFunction, tap } from 'rxjs';
import { checkTopics } from '../../connectors/pubsub/check.ts';
import { Publisher } from '../../connectors/pubsub/publisher.ts';
import { pubsubSink } from '../../connectors/pubsub/sink.ts';
import type { Delivery } from '../../core/delivery.ts';
import type { Message } from '../../core/message.ts';
import type { Probe } from '../../core/probe.ts';
import { lookupChain } from '../../lookup/chain.ts';
import type { Fetcher, OnAnswer } from '../../lookup/fetcher.ts';
import { applyHook, HOOK_RETRY } from '../../operators/apply-hook.ts';
import { decodeInput } from '../../operators/decode-input.ts';
import { orderedByKey } from '../../operators/ordered-by-key.ts';
import { settle } from '../../operators/settle.ts';
import { openPubSubInput } from '../pubsub-input.ts';
import { createService, type Service } from '../service.ts';
import { type CommonDependencies, type CommonProbes, openServiceContext } from '../service-context.ts';
import type { EnrichConfig } from './config.ts';
import { type Applier, applyByNames, type KeyExtractor, type KeyOf, keyByPaths, keyResult, lookup } from './lookup.ts';
import { type LookupDependencies, openLookup } from './open-lookup.ts';
import { orderBy, toPublishTarget } from './publish-target.ts';

export interface EnrichDependencies extends CommonDependencies, LookupDependencies {
  readonly keyExtractor?: KeyExtractor;
  readonly applier?: Applier;
}

type Answer = Parameters<OnAnswer>[0];

export interface EnrichProbes extends CommonProbes {
  readonly memoryHit: Probe<Answer>;
  readonly redisHit: Probe<Answer>;
  readonly firestoreHit: Probe<Answer>;
  readonly fetcherHit: Probe<Answer>;
  /** Answers of any layer that a key has no data. */
  readonly missing: Probe<Answer>;
  readonly enriched: Probe<Delivery>;
}

export interface EnrichService extends Service<EnrichProbes> {
  /**
   * Forgets what the caches hold of a key: memory of this process, and Redis. Rejects with a RetryableError where Redis may
   * hold it still.
   */
  invalidate(key: string): Promise<void>;
}

/** Pub/Sub to Pub/Sub: adds what is known about a device. Each message is acknowledged once Pub/Sub has the new one. */
export function createEnrich(config: EnrichConfig, dependencies: EnrichDependencies = {}): EnrichService {
  const context = openServiceContext(
    'enrich',
    config,
    { ...config.source, maxWaitMs: config.publish.maxDelayMs },
    dependencies,
  );
  const { credit, telemetry, readiness } = context;
  const probes: EnrichProbes = {
    ...context.commonProbes(),
    memoryHit: context.probe('memoryHit'),
    redisHit: context.probe('redisHit'),
    firestoreHit: context.probe('firestoreHit'),
    fetcherHit: context.probe('fetcherHit'),
    missing: context.probe('missing'),
    enriched: context.probe('enriched'),
  };
  const hits = {
    memory: probes.memoryHit,
    redis: probes.redisHit,
    firestore: probes.firestoreHit,
    fetcher: probes.fetcherHit,
  };
  const { keyExtractor } = dependencies;
  /** What the hook has found. */
  const extracted = new WeakMap<Message, string | undefined>();
  const keyOf: KeyOf = keyExtractor === undefined ? keyByPaths(config.key) : (message) => extracted.get(message);
  let fetcher: Fetcher | undefined;

  const service = createService(context, config, probes, async () => {
    const { google, output } = config;
    const retry = { ...config.retry, giveUpAfterMs: config.giveUpAfterMs };
    const { source, clients, check, close } = await openPubSubInput(
      context,
      config,
      probes.deadLettered,
      dependencies,
      {
        keepsOrder: true,
      },
    );
    const publisher = new Publisher({
      connections: clients.publishConnections,
      projectId: google.projectId,
      retry: { ...config.publish.retry, giveUpAfterMs: config.giveUpAfterMs },
      timeoutMs: config.publish.timeoutMs,
      telemetry,
      readiness,
      component: 'publish',
    });
    const { applier } = dependencies;
    const { layers, ...lookups } = openLookup(config, dependencies, {
      onAnswer: (answer) => (answer.found ? hits[answer.layer] : probes.missing).hit(answer),
      telemetry,
      readiness,
    });
    // A hook may look at all of the data, and at the message.
    const chain = lookupChain({ ...layers, select: applier === undefined ? applyByNames(config.apply) : undefined });
    fetcher = chain;

    const extractKey: MonoTypeOperatorFunction<Delivery> =
      keyExtractor === undefined
        ? identity
        : applyHook<unknown>({
            name: 'keyExtractor',
            config: config.hooks,
            // Where the order hangs on what is not known yet, all messages keep it.
            keyOf: orderBy(output.orderingKey, () => (output.orderingKey === undefined ? undefined : '')),
            call: ({ message }) => keyExtractor(message),
            accept: (delivery, key) => {
              extracted.set(delivery.message, keyResult(key));
              return delivery;
            },
            retry: HOOK_RETRY,
            telemetry,
            readiness,
          });

    return {
      source,
      check: async () => {
        await check();
        await lookups.checkCredentials();
        await checkTopics(clients.publisher, google.projectId, [['output.topicId', output.topicId]], telemetry);
        await lookups.check();
      },
      graph: (deliveries) =>
        deliveries.pipe(
          tap(probes.received.hit),
          decodeInput(config.input),
          extractKey,
          orderedByKey(
            { keyOf: orderBy(output.orderingKey, keyOf), limit: config.concurrency },
            lookup({
              fetcher: chain,
              keyOf,
              apply: applier ?? ((selected) => selected),
              withoutKey: config.withoutKey,
              withoutData: config.withoutData,
              retry,
              onRetry: (error) => telemetry.event('lookup.retried', { error: error.message }),
            }),
          ),
          tap(probes.enriched.hit),
          pubsubSink({
            publisher,
            config: config.publish,
            credit,
            telemetry,
            toTarget: toPublishTarget(output.topicId, output.orderingKey),
            onlyTopicId: output.topicId,
            onFailingTargets: (failing) => context.watchTargets({ credit, failing }),
            onFlush: probes.flushed.hit,
          }),
          settle(),
          tap(probes.settled.hit),
        ),
      close: async () => {
        lookups.disconnect();
        await close();
        // Before its client ends: what that tries again after its end is rejected where nobody listens.
        await chain.close();
        await lookups.close();
      },
    };
  });
  return Object.assign(service, {
    invalidate: async (key: string) => {
      if (fetcher !== undefined) await firstValueFrom(fetcher.invalidate(key), { defaultValue: undefined });
    },
  });
}
