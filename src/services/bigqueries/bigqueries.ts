import type { BigQuery } from '@google-cloud/bigquery';
import { identity, type MonoTypeOperatorFunction, type Observable, type OperatorFunction, tap } from 'rxjs';
import { ensureTable } from '../../connectors/bigquery/check.ts';
import { createBigQueryClient } from '../../connectors/bigquery/client.ts';
import { type Row, rowBy, rowText, type Transformer } from '../../connectors/bigquery/row-of.ts';
import { bigquerySink } from '../../connectors/bigquery/sink.ts';
import { checkCredentials } from '../../connectors/google/credentials.ts';
import type { Delivery, Outcome } from '../../core/delivery.ts';
import type { Message } from '../../core/message.ts';
import type { Probe } from '../../core/probe.ts';
import { identityBy } from '../../formats/identity.ts';
import { applyHook, HOOK_RETRY } from '../../operators/apply-hook.ts';
import { decodeInput } from '../../operators/decode-input.ts';
import { settle } from '../../operators/settle.ts';
import { createDataset } from '../../resources/dataset.ts';
import { createTable } from '../../resources/table.ts';
import { defineService, type ServiceOpening } from '../define-service.ts';
import { openPubSubInput } from '../pubsub-input.ts';
import type { CommonDependencies, ServiceContext } from '../service-context.ts';
import { type BigQueriesConfig, settings } from './config.ts';

/** The path of one delivery, up to its settlement. */
export function bigqueriesGraph(
  deliveries: Observable<Delivery>,
  { config, probes }: Pick<Opening, 'config' | 'probes'>,
  { transform, insertRows }: BigQueriesSteps,
): Observable<Outcome> {
  return deliveries.pipe(
    tap(probes.received.hit),
    decodeInput(config.input),
    tap(probes.decoded.hit),
    transform,
    insertRows,
    settle(),
    tap(probes.settled.hit),
  );
}

/** Pub/Sub to BigQuery. Acknowledges each message once BigQuery has accepted its row. */
export const createBigQueries = defineService({
  ...settings,
  inFlight: ({ source, insert }) => ({ ...source, maxWaitMs: insert.maxDelayMs }),
  probes: bigqueriesProbes,
  build: openParts,
  graph: bigqueriesGraph,
});
export default createBigQueries;

/** The steps that need clients or hooks, not only the configuration. */
export interface BigQueriesSteps {
  readonly transform: MonoTypeOperatorFunction<Delivery>;
  readonly insertRows: OperatorFunction<Delivery, Outcome>;
}

export interface BigQueriesDependencies extends CommonDependencies {
  readonly bigquery?: BigQuery;
  /** Builds the row of a message, instead of the table's `from` paths. */
  readonly transformer?: Transformer;
}

export interface BigQueriesProbes {
  readonly decoded: Probe<Delivery>;
}

export function bigqueriesProbes(probe: ServiceContext['probe']): BigQueriesProbes {
  return { decoded: probe('decoded', 'messages') };
}

type Opening = ServiceOpening<BigQueriesConfig, BigQueriesProbes, BigQueriesDependencies>;

async function openParts(opening: Opening) {
  const { config, context, dependencies, probes } = opening;
  const { credit, telemetry, readiness } = context;
  context.wiring.outputs = () => [`${config.table.datasetId}.${config.table.tableId}`];
  const client = dependencies.bigquery ?? createBigQueryClient(config.google);
  const { source, check, close } = await openPubSubInput(opening);
  const { transform, rowTextOf, hasHook } = rows(opening);
  return {
    source,
    transform,
    insertRows: bigquerySink({
      client,
      table: config.table,
      hasHook,
      config: config.insert,
      credit,
      rowTextOf,
      identityOf: identityBy(config.identity),
      telemetry,
      readiness,
      onFailingTargets: (failing) => context.watchTargets({ credit, failing }),
      onFlush: probes.flushed.hit,
    }),
    check: async () => {
      await check();
      if (dependencies.bigquery === undefined) await checkCredentials(config.google, ['bigquery']);
      await ensureTable(client, config.table, {
        ...{ telemetry, hasHook },
        createDataset: () => createDataset(client, config.table),
        createTable: () => createTable(client, config.table),
      });
    },
    close,
  };
}

export interface Rows {
  readonly hasHook: boolean;
  readonly transform: MonoTypeOperatorFunction<Delivery>;
  readonly rowTextOf: (message: Message) => string;
}

/** Builds rows with the hook `transformer`, or else from the paths of the table's columns. */
export function rows({ config, context, dependencies: { transformer } }: Opening): Rows {
  if (transformer === undefined) {
    const rowOf = rowBy(config.table.schema);
    return { hasHook: false, transform: identity, rowTextOf: (message) => JSON.stringify(rowOf(message)) };
  }
  const made = new WeakMap<Message, string>();
  const transform = applyHook<Row>({
    name: 'transformer',
    config: config.hooks,
    // Rows have no order.
    keyOf: () => undefined,
    call: ({ message }) => transformer(message),
    accept: (delivery, row) => {
      made.set(delivery.message, rowText(row));
      return delivery;
    },
    retry: HOOK_RETRY,
    telemetry: context.telemetry,
    readiness: context.readiness,
  });
  return { hasHook: true, transform, rowTextOf: (message) => made.get(message) ?? '{}' };
}
