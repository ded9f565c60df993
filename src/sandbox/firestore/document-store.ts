import { isDeepStrictEqual } from 'node:util';
import { status } from '@grpc/grpc-js';
import { databaseOf } from './document-name.ts';
import { copyFields, getField, parseFieldPath, withField } from './field-path.ts';
import type { Document, DocumentMask, Fields, Precondition, Timestamp, Write, WriteResult } from './messages.ts';
import { invalidArgument, RpcError } from './rpc-error.ts';
import { transform } from './transform.ts';

export const targetOf = (write: Write): string => write.update?.name ?? write.delete ?? '';

/** Converts to microseconds, the precision of the service. */
const toMicros = ({ seconds, nanos }: Timestamp) => Number(seconds ?? 0) * 1e6 + Math.floor((nanos ?? 0) / 1000);

function check({ exists, updateTime }: Precondition, name: string, current: Document | undefined): void {
  if (exists === false && current) throw new RpcError(status.ALREADY_EXISTS, `Document already exists: ${name}`);
  if (exists === true && !current) throw new RpcError(status.NOT_FOUND, `No document to update: ${name}`);
  if (updateTime && toMicros(updateTime) !== toMicros(current?.updateTime ?? {})) {
    throw new RpcError(status.FAILED_PRECONDITION, `The update time of ${name} is not the required one.`);
  }
}

/** Documents by full name, in memory, unbounded. */
export class DocumentStore {
  readonly #documents = new Map<string, Document>();
  #lastMicros = 0;

  get(name: string, mask?: DocumentMask | null): Document | undefined {
    const document = this.#documents.get(name);
    return document && { ...document, fields: copyFields(document.fields ?? {}, {}, mask) };
  }

  names(): Iterable<string> {
    return this.#documents.keys();
  }

  /** Returns a strictly increasing time, so that no two commits share one. */
  now(): Required<Timestamp> {
    this.#lastMicros = Math.max(this.#lastMicros + 1, Date.now() * 1000);
    return { seconds: String(Math.floor(this.#lastMicros / 1e6)), nanos: (this.#lastMicros % 1e6) * 1000 };
  }

  /** Applies all writes atomically and in order, or none. */
  commit(writes: readonly Write[], database: string): { writeResults: WriteResult[]; commitTime: Timestamp } {
    const commitTime = this.now();
    const changed = new Map<string, Document | undefined>();
    const writeResults = writes.map((write): WriteResult => {
      const name = targetOf(write);
      if (databaseOf(name) !== database) throw invalidArgument(`"${name}" is not in the database "${database}".`);
      const current = changed.has(name) ? changed.get(name) : this.#documents.get(name);
      check(write.currentDocument ?? {}, name, current);
      if (!write.update) {
        changed.set(name, undefined);
        return {};
      }
      let fields: Fields = copyFields(write.update.fields ?? {}, current?.fields ?? {}, write.updateMask);
      for (const change of write.updateTransforms ?? []) {
        const path = parseFieldPath(change.fieldPath ?? '');
        fields = withField(fields, path, transform(getField(fields, path), change, commitTime));
      }
      // A write that changes nothing keeps the update time, and returns it.
      const { createTime = commitTime, updateTime = commitTime } = current ?? {};
      const times = { createTime, updateTime: isDeepStrictEqual(fields, current?.fields) ? updateTime : commitTime };
      changed.set(name, { name, fields, ...times });
      return { updateTime: times.updateTime };
    });
    for (const [name, document] of changed) {
      if (document === undefined) this.#documents.delete(name);
      else this.#documents.set(name, document);
    }
    return { writeResults, commitTime };
  }
}
