import {
  catchError,
  concatMap,
  defer,
  finalize,
  map,
  type Observable,
  type OperatorFunction,
  of,
  switchMap,
} from 'rxjs';
import type { Credit } from '../../core/credit.ts';
import type { Delivery, Outcome } from '../../core/delivery.ts';
import { PoisonError, RetryableError, toError } from '../../core/errors.ts';
import type { Message } from '../../core/message.ts';
import type { Readiness } from '../../core/readiness.ts';
import { type IdentityOf, insertIdOf } from '../../formats/identity.ts';
import { batchInto, type Slot } from '../../operators/batch-into.ts';
import { type Batch, type BatchItem, PartitionKey } from '../../operators/batcher.ts';
import type { FailingTargetsView } from '../../operators/failing-targets.ts';
import { retryWithBackoff } from '../../operators/retry.ts';
import { traceRequests } from '../../operators/trace-requests.ts';
import { CALL_SECONDS, type Telemetry } from '../../telemetry/telemetry.ts';
import type { SpanDescription } from '../../telemetry/tracing.ts';
import { boundedCall } from '../google/bounded-call.ts';
import type { InsertConfig } from './config.ts';
import { insertRows, type RowResult } from './inserter.ts';
import { TableFault, type TableVerdictOptions, tableVerdict } from './table-verdict.ts';

export interface BigQuerySinkOptions extends TableVerdictOptions {
  readonly config: InsertConfig;
  readonly credit: Credit;
  /** Returns the row of a message as JSON. */
  readonly rowTextOf: (message: Message) => string;
  readonly identityOf: IdentityOf;
  readonly telemetry: Telemetry;
  readonly readiness: Readiness;
  readonly onFailingTargets?: (failing: FailingTargetsView) => void;
  readonly onFlush?: (batch: Batch) => void;
}

/** A delivery that is ready to be inserted. */
export interface PreparedRow extends BatchItem {
  /** `{"insertId":…,"json":{…}}` */
  readonly text: string;
}

/**
 * Inserts deliveries as rows, in batches, and emits the outcome of each. The insertId derives from the message's
 * identity, so a redelivery within BigQuery's deduplication window adds no second row. One invalid row fails alone.
 */
export function bigquerySink(options: BigQuerySinkOptions): OperatorFunction<Delivery, Outcome> {
  const { config, credit, telemetry } = options;
  const insert = insertEffect(options);
  return batchInto<PreparedRow>(
    {
      limits: { maxCount: config.maxRows, maxBytes: config.maxBytes, maxAgeMs: config.maxDelayMs, maxOpen: 1 },
      concurrency: config.concurrency,
      credit,
      prepare: insertionBy(options),
      ...(options.onFailingTargets === undefined ? {} : { onFailingTargets: options.onFailingTargets }),
      ...(options.onFlush === undefined ? {} : { onFlush: options.onFlush }),
    },
    traceRequests(telemetry.tracing, insertSpan, ({ items }, slot) =>
      insert(
        items.map((item) => item.text),
        slot,
      ),
    ),
  );
}

/** Describes the span of an insert, with the requests for the rows that BigQuery refused at first. */
function insertSpan({ key, items }: Batch<PreparedRow>): SpanDescription {
  return {
    name: `insert ${key.target}`,
    attributes: {
      'db.system.name': 'gcp.bigquery',
      'db.operation.name': 'tabledata.insertAll',
      'db.collection.name': key.target,
      'db.operation.batch.size': items.length,
    },
  };
}

/** Returns a function that builds a delivery's row with its insertId, in the form of `tabledata.insertAll`. */
export function insertionBy({
  table,
  rowTextOf,
  identityOf,
}: Pick<BigQuerySinkOptions, 'table' | 'rowTextOf' | 'identityOf'>): (delivery: Delivery) => PreparedRow {
  const key = new PartitionKey(`${table.datasetId}.${table.tableId}`);
  return (delivery) => {
    const text = `{"insertId":"${insertIdOf(identityOf(delivery.message))}","json":${rowTextOf(delivery.message)}}`;
    return { delivery, key, bytes: Buffer.byteLength(text), text };
  };
}

/** The results so far, and the rows to retry. */
interface Attempt {
  readonly results: RowResult[];
  readonly pending: readonly number[];
}

/**
 * Inserts rows with retries. Retries only the rows that BigQuery temporarily refused or that the table should accept.
 * Halves a request refused for one oversized or unreadable row until that row is alone; retries any other refused
 * request as a whole.
 */
function insertEffect(
  options: BigQuerySinkOptions,
): (rows: readonly string[], slot: Slot) => Observable<readonly RowResult[]> {
  const { client, table, config, telemetry, readiness } = options;
  const target = `${table.datasetId}.${table.tableId}`;
  const judged = tableVerdict(options);
  /**
   * Batches with rows that wait for the table. The service stays red while there are any, even if other batches
   * succeed.
   */
  const waiting = new Set<Attempt>();
  let isTableFailing = false;
  const observeSeconds = telemetry.histogram(
    'dataflow_insert_duration_seconds',
    'Time of one insertAll request, without retries.',
    CALL_SECONDS,
  );

  const request = (rows: readonly string[]): Observable<readonly RowResult[]> =>
    boundedCall(
      async () => {
        const started = performance.now();
        const results = await insertRows(client, table.datasetId, table.tableId, rows);
        observeSeconds((performance.now() - started) / 1000);
        return results;
      },
      { what: 'insertAll', timeoutMs: config.timeoutMs },
    ).pipe(concatMap(judged));

  const observeTable = (attempt: Attempt, results: readonly RowResult[]): void => {
    const fault = results.find((result) => result instanceof TableFault);
    if (fault !== undefined) {
      waiting.add(attempt);
      isTableFailing = true;
      readiness.set('table', 'failing', fault.message);
      telemetry.event('table.mismatched', { table: target, error: fault.message });
      return;
    }
    waiting.delete(attempt);
    if (!isTableFailing || waiting.size > 0) return;
    isTableFailing = false;
    readiness.set('table', 'ok');
  };

  const insert = (rows: readonly string[], slot: Slot): Observable<readonly RowResult[]> =>
    defer(() => {
      const attempt: Attempt = { results: rows.map(() => undefined), pending: rows.map((_, index) => index) };
      let { pending } = attempt;
      return defer(() => request(pending.map((index) => rows[index] ?? ''))).pipe(
        map((results) => {
          observeTable(attempt, results);
          const again: number[] = [];
          let reason: RetryableError | undefined;
          for (const [position, index] of pending.entries()) {
            const result = results[position];
            attempt.results[index] = result;
            if (!(result instanceof RetryableError)) continue;
            again.push(index);
            reason = result;
          }
          pending = again;
          if (reason !== undefined) throw reason;
          readiness.set('insert', 'ok');
          return attempt.results;
        }),
        retryWithBackoff(
          { ...config.retry, giveUpAfterMs: config.giveUpAfterMs },
          {
            onRetry: (error, count) => {
              // A table without a column still responds: it is not overloaded.
              slot.retries(!(error instanceof TableFault));
              if (error instanceof TableFault) readiness.set('insert', 'ok');
              else readiness.set('insert', 'failing', `inserting into ${target} fails: ${error.message}`);
              telemetry.event('insert.retried', { table: target, attempt: count, error: error.message });
            },
          },
        ),
        catchError((thrown: unknown) => {
          const error = toError(thrown);
          if (error instanceof PoisonError) {
            // BigQuery responded, so any outage is over.
            readiness.set('insert', 'ok');
            return pending.length > 1 ? halves(rows, attempt, pending, slot) : given(attempt, pending, error);
          }
          telemetry.event('insert.failed', { table: target, rows: pending.length, error: error.message });
          return given(attempt, pending, new RetryableError(error.message, { cause: error }));
        }),
        finalize(() => waiting.delete(attempt)),
      );
    });

  /** Sends the pending rows in two requests and keeps the results of the others. */
  const halves = (rows: readonly string[], { results }: Attempt, pending: readonly number[], slot: Slot) => {
    slot.retries(false);
    const middle = pending.length >> 1;
    const half = (indexes: readonly number[]) =>
      insert(
        indexes.map((index) => rows[index] ?? ''),
        slot,
      );
    return half(pending.slice(0, middle)).pipe(
      switchMap((first) => half(pending.slice(middle)).pipe(map((second) => [...first, ...second]))),
      map((found) => {
        for (const [position, index] of pending.entries()) results[index] = found[position];
        return results;
      }),
    );
  };

  const given = ({ results }: Attempt, pending: readonly number[], error: PoisonError | RetryableError) => {
    for (const index of pending) results[index] = error;
    return of(results);
  };
  return insert;
}
