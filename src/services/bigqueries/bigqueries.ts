import type { BigQuery } from '@google-cloud/bigquery';
import { identity, type MonoTypeOperatorFunction, tap } from 'rxjs';
import { ensureTable } from '../../connectors/bigquery/check.ts';
import { createBigQueryClient } from '../../connectors/bigquery/client.ts';
import { type Row, rowBy, rowText, type Transformer } from '../../connectors/bigquery/row-of.ts';
import { bigquerySink } from '../../connectors/bigquery/sink.ts';
import { checkCredentials } from '../../connectors/google/credentials.ts';
import type { Delivery } from '../../core/delivery.ts';
import type { Message } from '../../core/message.ts';
import type { Probe } from '../../core/probe.ts';
import { identityBy } from '../../formats/identity.ts';
import { applyHook, HOOK_RETRY } from '../../operators/apply-hook.ts';
import { decodeInput } from '../../operators/decode-input.ts';
import { settle } from '../../operators/settle.ts';
import { openPubSubInput } from '../pubsub-input.ts';
import { createService, type Service } from '../service.ts';
import { type CommonDependencies, type CommonProbes, openServiceContext } from '../service-context.ts';
import type { BigQueriesConfig } from './config.ts';

export interface BigQueriesDependencies extends CommonDependencies {
  readonly bigquery?: BigQuery;
  /** Makes the row of a message, in the place of the table's `from` paths. */
  readonly transformer?: Transformer;
}

export interface BigQueriesProbes extends CommonProbes {
  readonly decoded: Probe<Delivery>;
}

/** Pub/Sub to BigQuery. Each message is acknowledged once BigQuery has accepted its row. */
export function createBigQueries(
  config: BigQueriesConfig,
  dependencies: BigQueriesDependencies = {},
): Service<BigQueriesProbes> {
  const context = openServiceContext(
    'bigqueries',
    config,
    { ...config.source, maxWaitMs: config.insert.maxDelayMs },
    dependencies,
  );
  const { credit, telemetry, readiness } = context;
  const { transformer } = dependencies;
  const hasHook = transformer !== undefined;
  /** What the hook has made. */
  const rows = new WeakMap<Message, string>();
  const probes: BigQueriesProbes = {
    ...context.commonProbes(),
    decoded: context.probe('decoded'),
  };

  return createService(context, config, probes, async () => {
    const client = dependencies.bigquery ?? createBigQueryClient(config.google);
    const { source, check, close } = await openPubSubInput(context, config, probes.deadLettered, dependencies);
    const rowOf = rowBy(config.table.schema);
    const transform: MonoTypeOperatorFunction<Delivery> =
      transformer === undefined
        ? identity
        : applyHook<Row>({
            name: 'transformer',
            config: config.hooks,
            // Rows have no order.
            keyOf: () => undefined,
            call: ({ message }) => transformer(message),
            accept: (delivery, row) => {
              rows.set(delivery.message, rowText(row));
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
        if (dependencies.bigquery === undefined) await checkCredentials(config.google, ['bigquery']);
        await ensureTable(client, config.table, { telemetry, hasHook });
      },
      graph: (deliveries) =>
        deliveries.pipe(
          tap(probes.received.hit),
          decodeInput(config.input),
          tap(probes.decoded.hit),
          transform,
          bigquerySink({
            client,
            table: config.table,
            hasHook,
            config: config.insert,
            credit,
            rowTextOf: hasHook ? (message) => rows.get(message) ?? '{}' : (message) => JSON.stringify(rowOf(message)),
            identityOf: identityBy(config.identity),
            telemetry,
            readiness,
            onFlush: probes.flushed.hit,
          }),
          settle(),
          tap(probes.settled.hit),
        ),
      close,
    };
  });
}
