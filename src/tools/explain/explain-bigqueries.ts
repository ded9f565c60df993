import { rowProblems, traceRow, unreadMembers } from '../../connectors/bigquery/row-trace.ts';
import { insertionBy, type PreparedRow } from '../../connectors/bigquery/sink.ts';
import type { Message } from '../../core/message.ts';
import { identityBy, insertIdOf } from '../../formats/identity.ts';
import {
  type BigQueriesDependencies,
  bigqueriesGraph,
  bigqueriesProbes,
  rows,
} from '../../services/bigqueries/bigqueries.ts';
import { type BigQueriesConfig, settings } from '../../services/bigqueries/config.ts';
import { type Hooks, openingOf } from '../../services/define-service.ts';
import { isJsonObject, parseExact } from '../../util/json/lossless-json.ts';
import { consumed, subscriptionOf } from './consumed.ts';
import { type Arrival, type ExplainedRow, type Explanation, otherEnd, shownMessage } from './explanation.ts';
import { ONE_MESSAGE, QUIET, tryOut } from './try-out.ts';

/** Follows a message through a bigqueries pipeline. The table is not read: its columns are those of `table.schema`. */
export async function explainBigQueries(
  config: BigQueriesConfig,
  hooks: Hooks,
  arrival: Arrival,
): Promise<Omit<Explanation, 'pipeline'>> {
  const notes: string[] = [];
  const { google, identity, table } = config;
  const dependencies: Partial<BigQueriesDependencies> = { ...hooks, telemetry: QUIET };
  const opening = openingOf({ ...settings, inFlight: ONE_MESSAGE, probes: bigqueriesProbes }, config, dependencies);
  const { original, message } = consumed(config.input, arrival, notes);
  let seen: Message | undefined;
  opening.probes.decoded.subscribe({
    next: (delivery) => {
      seen = delivery.message;
    },
  });
  const { transform, rowTextOf, hasHook } = rows(opening);
  const ended = await tryOut(
    opening.context,
    { original, message },
    insertionBy({ table, rowTextOf, identityOf: identityBy(identity) }),
    (deliveries, insertRows) => bigqueriesGraph(deliveries, opening, { transform, insertRows }),
  );
  const inserted = ended.kind === 'taken' ? insertionOf(ended.item) : undefined;
  const problems = inserted === undefined ? [] : rowProblems(table.schema, inserted.json);
  const row: ExplainedRow = {
    table: `${google.projectId}.${table.datasetId}.${table.tableId}`,
    ...inserted,
    columns: hasHook || seen === undefined ? [] : traceRow(table.schema, seen),
    unread: hasHook || seen === undefined ? [] : unreadMembers(table.schema, seen),
    problems,
  };
  if (hasHook) notes.push('the hook transformer creates the row');
  return {
    service: 'bigqueries',
    message: shownMessage(seen ?? message, insertIdOf(identityBy(identity)(seen ?? message))),
    ...(seen === undefined ? {} : { row }),
    ...(ended.kind === 'taken'
      ? problems.length === 0
        ? { outcome: 'inserted' }
        : { outcome: 'refused', error: `BigQuery refuses the row (rejected): ${problems.join('; ')}` }
      : otherEnd(ended, original, { ...config, source: subscriptionOf(config) })),
    notes,
  };
}

function insertionOf({ text }: PreparedRow): {
  readonly insertId: string;
  readonly json: Readonly<Record<string, unknown>>;
} {
  const value = parseExact(text);
  if (!isJsonObject(value) || typeof value.insertId !== 'string' || !isJsonObject(value.json)) {
    throw new Error(`the row does not have the format of an insert: ${text}`);
  }
  return { insertId: value.insertId, json: value.json };
}
