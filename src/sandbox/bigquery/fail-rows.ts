import type { RowFaults } from '../faults/faults.ts';
import { type Call, isObject } from './api.ts';

/** Answers an insertAll in which a fault fails some rows; the others are inserted. */
export async function failRows(
  { random, rule: { rowErrors } }: RowFaults,
  call: Call,
  handle: (call: Call) => unknown,
): Promise<unknown> {
  const rows: unknown[] = Array.isArray(call.body.rows) ? call.body.rows : [];
  const failed = rows.map(() => random() < (rowErrors?.probability ?? 0));
  const kept = rows.map((_, index) => index).filter((index) => !failed[index]);
  const keep = (body: Call['body']) => {
    const all: unknown[] = Array.isArray(body.rows) ? body.rows : [];
    return { ...body, rows: kept.map((index) => all[index]) };
  };
  const losslessBody = () => keep(call.losslessBody());
  const reply = kept.length === 0 ? {} : await handle({ ...call, body: keep(call.body), losslessBody });
  const errors = isObject(reply) && Array.isArray(reply.insertErrors) ? reply.insertErrors : [];
  const insertErrors = [
    ...errors.map((error: { index: number }) => ({ ...error, index: kept[error.index] })),
    ...failed.flatMap((isFailed, index) =>
      isFailed ? [{ index, errors: [{ reason: rowErrors?.reason, location: '', message: 'injected fault' }] }] : [],
    ),
  ];
  return { kind: 'bigquery#tableDataInsertAllResponse', ...(insertErrors.length > 0 ? { insertErrors } : {}) };
}
