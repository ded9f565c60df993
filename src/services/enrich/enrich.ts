import {
  defer,
  finalize,
  firstValueFrom,
  identity,
  type MonoTypeOperatorFunction,
  type Observable,
  type OperatorFunction,
  tap,
} from 'rxjs';
import type { Delivery, Outcome } from '../../core/delivery.ts';
import { toError } from '../../core/errors.ts';
import type { Message } from '../../core/message.ts';
import type { Probe } from '../../core/probe.ts';
import { type ChainOptions, lookupChain } from '../../lookup/chain.ts';
import { type Fetcher, LAYERS, type OnAnswer } from '../../lookup/fetcher.ts';
import { applyHook, HOOK_RETRY } from '../../operators/apply-hook.ts';
import { decodeInput } from '../../operators/decode-input.ts';
import { type OrderedEffect, orderedByKey } from '../../operators/ordered-by-key.ts';
import { settle } from '../../operators/settle.ts';
import { defineService, type ServiceOpening } from '../define-service.ts';
import { openPubSubInput } from '../pubsub-input.ts';
import { openPubSubOutput } from '../pubsub-output.ts';
import type { CommonDependencies, ServiceContext } from '../service-context.ts';
import { type EnrichConfig, settings } from './config.ts';
import { type Applier, applyByNames, type KeyExtractor, type KeyOf, keyByPaths, keyResult, lookup } from './lookup.ts';
import { type LookupDependencies, openLookup } from './open-lookup.ts';
import { orderBy, toPublishTarget } from './publish-target.ts';

/** The path of one delivery, up to its settlement. */
export function enrichGraph(
  deliveries: Observable<Delivery>,
  { config, probes }: Pick<Opening, 'config' | 'probes'>,
  { extractKey, orderOf, addData, publish }: EnrichSteps,
): Observable<Outcome> {
  return deliveries.pipe(
    tap(probes.received.hit),
    decodeInput(config.input),
    extractKey,
    orderedByKey({ keyOf: orderOf, limit: config.concurrency }, addData),
    tap(probes.enriched.hit),
    publish,
    settle(),
    tap(probes.settled.hit),
  );
}

/** Pub/Sub to Pub/Sub: adds data about a device. Acknowledges each message once Pub/Sub has the new one. */
export const createEnrich = defineService({
  ...settings,
  inFlight: ({ source, publish }) => ({ ...source, maxWaitMs: publish.maxDelayMs }),
  probes: enrichProbes,
  build: openParts,
  graph: enrichGraph,
  actions: (parts) => ({
    /**
     * Removes a key from the caches: this process's memory and Redis. Rejects with a RetryableError if Redis may still
     * hold it.
     */
    invalidate: async (key: string): Promise<void> => {
      const chain = parts()?.chain;
      if (chain !== undefined) await firstValueFrom(chain.invalidate(key), { defaultValue: undefined });
    },
  }),
});
export default createEnrich;

/** The steps that need clients or hooks, not only the configuration. */
export interface EnrichSteps {
  readonly extractKey: MonoTypeOperatorFunction<Delivery>;
  readonly orderOf: (delivery: Delivery) => string | undefined;
  readonly addData: OrderedEffect<Delivery>;
  readonly publish: OperatorFunction<Delivery, Outcome>;
}

export interface EnrichDependencies extends CommonDependencies, LookupDependencies {
  readonly keyExtractor?: KeyExtractor;
  readonly applier?: Applier;
}

type Answer = Parameters<OnAnswer>[0];

export interface EnrichProbes {
  readonly memoryHit: Probe<Answer>;
  readonly redisHit: Probe<Answer>;
  readonly firestoreHit: Probe<Answer>;
  readonly fetcherHit: Probe<Answer>;
  /** Answers by any layer that a key has no data. */
  readonly missing: Probe<Answer>;
  readonly enriched: Probe<Delivery>;
}

export function enrichProbes(probe: ServiceContext['probe']): EnrichProbes {
  return {
    memoryHit: probe('memoryHit', 'elsewhere'),
    redisHit: probe('redisHit', 'elsewhere'),
    firestoreHit: probe('firestoreHit', 'elsewhere'),
    fetcherHit: probe('fetcherHit', 'elsewhere'),
    missing: probe('missing', 'elsewhere'),
    enriched: probe('enriched', 'messages'),
  };
}

type Opening = ServiceOpening<EnrichConfig, EnrichProbes, EnrichDependencies>;

async function openParts(opening: Opening) {
  const { config, context, dependencies, probes } = opening;
  const { telemetry, readiness } = context;
  const { output } = config;
  const { source, clients, check, close } = await openPubSubInput(opening, { keepsOrder: true });
  const publishing = openPubSubOutput(context, config, {
    clients,
    toTarget: toPublishTarget(output.topicId, output.orderingKey),
    onFlush: probes.flushed.hit,
  });
  const hits = {
    memory: probes.memoryHit,
    redis: probes.redisHit,
    firestore: probes.firestoreHit,
    fetcher: probes.fetcherHit,
  };
  const noDataCounts = { memory: 0, redis: 0, firestore: 0, fetcher: 0 };
  telemetry.counter(
    'dataflow_lookup_results_total',
    'Results of the lookup by the answering layer: data, or that a key has none.',
    () =>
      LAYERS.flatMap((layer) => [
        [{ layer, result: 'found' }, hits[layer].count],
        [{ layer, result: 'no_data' }, noDataCounts[layer]],
      ]),
    ['layer', 'result'],
  );
  const { layers, ...lookups } = openLookup(config, dependencies, {
    onAnswer: (answer) => {
      if (answer.found) return hits[answer.layer].hit(answer);
      noDataCounts[answer.layer] += 1;
      probes.missing.hit(answer);
    },
    telemetry,
    readiness,
  });
  const chain = lookupChain({ ...layers, select: selectOf(opening) });
  const { extractKey, keyOf } = keys(opening);
  return {
    source,
    extractKey,
    orderOf: orderBy(output.orderingKey, keyOf),
    addData: addDataBy(opening, chain, keyOf),
    publish: publishing.sink,
    chain,
    check: async () => {
      await check();
      await lookups.checkCredentials();
      await publishing.check();
      await lookups.check();
    },
    close: async () => {
      lookups.disconnect();
      await close();
      // Closed before its client: calls retried after the client's end would reject unhandled.
      await chain.close();
      await lookups.close();
    },
  };
}

/** Selects the fields of looked-up data that `apply` names. A hook gets all of the data, and the message. */
export function selectOf({ config, dependencies }: Opening): ChainOptions['select'] {
  return dependencies.applier === undefined ? applyByNames(config.apply) : undefined;
}

/** Adds the data that the fetcher has for a delivery's key. */
export function addDataBy(
  { config, context, dependencies: { applier } }: Opening,
  fetcher: Fetcher,
  keyOf: KeyOf,
): OrderedEffect<Delivery> {
  const addData = lookup({
    fetcher,
    keyOf,
    apply: applier ?? ((selected) => selected),
    withoutKey: config.withoutKey,
    withoutData: config.withoutData,
    retry: { ...config.retry, giveUpAfterMs: config.giveUpAfterMs },
    onRetry: (error) => context.telemetry.event('lookup.retried', { error: error.message }),
  });
  return context.telemetry.tracing === undefined ? addData : traceLookup(addData);
}

/** Records a span for each lookup of a traced message that memory cannot answer. */
export function traceLookup(addData: OrderedEffect<Delivery>): OrderedEffect<Delivery> {
  const traced = (delivery: Delivery): Observable<Delivery> =>
    defer(() => {
      const end = delivery.ackHandle.trace?.begin('lookup');
      if (end === undefined) return addData(delivery);
      let problem: Error | undefined;
      return addData(delivery).pipe(
        tap({
          error: (thrown: unknown) => {
            problem = toError(thrown);
          },
        }),
        finalize(() => end(problem)),
      );
    });
  return addData.trySync === undefined ? traced : Object.assign(traced, { trySync: addData.trySync });
}

interface Keys {
  readonly extractKey: MonoTypeOperatorFunction<Delivery>;
  readonly keyOf: KeyOf;
}

/** Returns how to get a message's key: from the hook `keyExtractor`, or else from the configured paths. */
export function keys({ config, context, dependencies: { keyExtractor } }: Opening): Keys {
  if (keyExtractor === undefined) return { extractKey: identity, keyOf: keyByPaths(config.key) };
  // A key belongs to a message without being part of it.
  const extracted = new WeakMap<Message, string | undefined>();
  const { orderingKey } = config.output;
  const extractKey = applyHook<unknown>({
    name: 'keyExtractor',
    config: config.hooks,
    // The output's ordering key may depend on looked-up data; until it is known, all messages keep their order.
    keyOf: orderBy(orderingKey, () => (orderingKey === undefined ? undefined : '')),
    call: ({ message }) => keyExtractor(message),
    accept: (delivery, key) => {
      extracted.set(delivery.message, keyResult(key));
      return delivery;
    },
    retry: HOOK_RETRY,
    telemetry: context.telemetry,
    readiness: context.readiness,
  });
  return { extractKey, keyOf: (message) => extracted.get(message) };
}
