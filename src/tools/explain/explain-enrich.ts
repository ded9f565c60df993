import { pipe, tap } from 'rxjs';
import { outgoingBy } from '../../connectors/pubsub/sink.ts';
import type { Message } from '../../core/message.ts';
import { keyPath, MessageView } from '../../core/message-path.ts';
import { identityBy, insertIdOf } from '../../formats/identity.ts';
import { lookupChain } from '../../lookup/chain.ts';
import { isDocumentId } from '../../lookup/firestore/firestore-fetcher.ts';
import { lookupPlaces } from '../../lookup/layer-answers.ts';
import { type Hooks, openingOf } from '../../services/define-service.ts';
import { type EnrichConfig, settings } from '../../services/enrich/config.ts';
import {
  addDataBy,
  type EnrichDependencies,
  enrichGraph,
  enrichProbes,
  keys,
  selectOf,
} from '../../services/enrich/enrich.ts';
import { orderBy, toPublishTarget } from '../../services/enrich/publish-target.ts';
import { consumed, subscriptionOf } from './consumed.ts';
import { type Arrival, type Explanation, otherEnd, shownMessage } from './explanation.ts';
import { publishedOf } from './published.ts';
import { ONE_MESSAGE, QUIET, tryOut } from './try-out.ts';

/** Follows a message through an enrich pipeline. Looks up nothing: data is given, or the message passes without it. */
export async function explainEnrich(
  config: EnrichConfig,
  hooks: Hooks,
  arrival: Arrival,
): Promise<Omit<Explanation, 'pipeline'>> {
  const notes: string[] = [];
  const { google, output } = config;
  const { lookup } = arrival;
  const dependencies: Partial<EnrichDependencies> = { ...hooks, telemetry: QUIET };
  const { fetcher } = dependencies;
  // Then nothing is known about the data, not even whether there is any.
  const assumed: EnrichConfig = lookup === undefined ? { ...config, withoutData: 'pass' } : config;
  const opening = openingOf({ ...settings, inFlight: ONE_MESSAGE, probes: enrichProbes }, assumed, dependencies);
  const { original, message } = consumed(config.input, arrival, notes);
  const { extractKey, keyOf } = keys(opening);
  const hasNoData = (key: string): boolean =>
    lookup === null || (fetcher === undefined && config.lookup.firestore !== undefined && !isDocumentId(key));
  const chain = lookupChain({
    config: { ...config.lookup, redis: undefined, firestore: undefined },
    hooks: config.hooks,
    redis: undefined,
    firestore: undefined,
    fetcher: (key) => (hasNoData(key) ? undefined : (lookup ?? undefined)),
    select: selectOf(opening),
    onAnswer: () => {},
    telemetry: opening.context.telemetry,
    readiness: opening.context.readiness,
  });

  let seen: Message = message;
  let keyed: { readonly message: Message; readonly key: string | undefined } | undefined;
  opening.probes.enriched.subscribe({
    next: (delivery) => {
      seen = delivery.message;
    },
  });
  const ended = await tryOut(
    opening.context,
    { original, message },
    outgoingBy(toPublishTarget(output.topicId, output.orderingKey), () =>
      notes.push('attributes that Pub/Sub reserves are omitted'),
    ),
    (deliveries, publish) =>
      enrichGraph(deliveries, opening, {
        extractKey: pipe(
          extractKey,
          tap(({ message }) => {
            seen = message;
            keyed = { message, key: keyOf(message) };
          }),
        ),
        orderOf: orderBy(output.orderingKey, keyOf),
        addData: addDataBy(opening, chain, keyOf),
        publish,
      }),
  );
  await chain.close();

  if (keyed?.key !== undefined && lookup === undefined) {
    notes.push(
      hasNoData(keyed.key)
        ? 'the key is not a valid document id, so it has no data'
        : `nothing is looked up here: pass data with --lookup, or null for none (withoutData: ${config.withoutData})`,
    );
  }
  return {
    service: 'enrich',
    message: shownMessage(seen, insertIdOf(identityBy({ publishTime: false })(seen))),
    ...(keyed === undefined
      ? {}
      : {
          lookup: {
            key: keyed.key,
            from: dependencies.keyExtractor === undefined ? pathOf(config.key, keyed.message) : 'the hook keyExtractor',
            places: keyed.key === undefined ? [] : lookupPlaces({ config: config.lookup, fetcher }, keyed.key),
            ...(lookup === undefined ? {} : { data: lookup }),
          },
        }),
    ...(ended.kind === 'taken'
      ? { outcome: 'published', published: publishedOf(ended.item, google.projectId) }
      : otherEnd(ended, original, { ...config, source: subscriptionOf(config) })),
    notes,
  };
}

/** The first of the paths that leads to a key. */
function pathOf(paths: readonly string[], message: Message): string | undefined {
  const view = new MessageView(message);
  return paths.find((path) => keyPath(path)(view) !== undefined);
}
