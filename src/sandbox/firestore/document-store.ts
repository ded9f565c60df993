import { isDeepStrictEqual } from 'node:util';
import { status } from '@grpc/grpc-js';
import { checkDocumentName } from './document-name.ts';
import { applyMask, getField, parseFieldPath, project, withField } from './field-path.ts';
import type { Document, DocumentMask, Fields, Precondition, Timestamp, Value, Write, WriteResult } from './messages.ts';
import { invalidArgument, RpcError } from './rpc-error.ts';
import { transform } from './transform.ts';
import { checkDocumentSize, storedFields } from './value.ts';

/** One document; its times are in microseconds since 1970, as the service keeps them. */
interface StoredDocument {
  readonly name: string;
  readonly fields: Fields;
  readonly createTime: number;
  readonly updateTime: number;
}

const toTimestamp = (micros: number): Timestamp => ({
  seconds: String(Math.floor(micros / 1e6)),
  nanos: (micros % 1e6) * 1000,
});

const toMicros = ({ seconds = '0', nanos = 0 }: Timestamp) => Number(seconds) * 1e6 + Math.floor(nanos / 1000);

function checkPrecondition(name: string, current: StoredDocument | undefined, precondition: Precondition = {}): void {
  const { exists, updateTime } = precondition;
  if (exists === false && current) throw new RpcError(status.ALREADY_EXISTS, `Document already exists: ${name}`);
  if (exists === true && !current) throw new RpcError(status.NOT_FOUND, `No document to update: ${name}`);
  if (updateTime === undefined) return;
  const stored = current?.updateTime ?? 0;
  const required = toMicros(updateTime);
  if (stored !== required) {
    throw new RpcError(
      status.FAILED_PRECONDITION,
      `the stored version (${stored}) does not match the required base version (${required})`,
    );
  }
}

/** Documents by their full name, in memory, without a bound. */
export class DocumentStore {
  #documents = new Map<string, StoredDocument>();
  #lastMicros = 0;

  names(): Iterable<string> {
    return this.#documents.keys();
  }

  get(name: string, mask?: DocumentMask): Document | undefined {
    const stored = this.#documents.get(name);
    return (
      stored && {
        name,
        fields: project(stored.fields, mask),
        createTime: toTimestamp(stored.createTime),
        updateTime: toTimestamp(stored.updateTime),
      }
    );
  }

  readTime(): Timestamp {
    return toTimestamp(this.#now());
  }

  /** Applies all writes, in order and at one time, or none. */
  commit(writes: readonly Write[], database: string): { writeResults: WriteResult[]; commitTime: Timestamp } {
    const now = this.#now();
    const changed = new Map<string, StoredDocument | undefined>();
    const writeResults = writes.map((write) => {
      const name = write.update?.name ?? write.delete ?? write.transform?.document;
      if (name === undefined) throw invalidArgument('empty write operation');
      checkDocumentName(name, database);
      const current = changed.has(name) ? changed.get(name) : this.#documents.get(name);
      checkPrecondition(name, current, write.currentDocument);
      if (write.delete !== undefined) {
        changed.set(name, undefined);
        return {};
      }
      const { fields, transformResults } = written(write, current?.fields ?? {}, toTimestamp(now));
      checkDocumentSize(name, fields);
      // A write that changes nothing leaves the update time as it was, and reports that.
      const unchanged = current !== undefined && isDeepStrictEqual(fields, current.fields);
      const updateTime = unchanged ? current.updateTime : now;
      changed.set(name, { name, fields, createTime: current?.createTime ?? now, updateTime });
      return { updateTime: toTimestamp(updateTime), transformResults };
    });
    for (const [name, document] of changed) {
      if (document === undefined) this.#documents.delete(name);
      else this.#documents.set(name, document);
    }
    return { writeResults, commitTime: toTimestamp(now) };
  }

  /** Always growing, so that no two commits have one time. */
  #now(): number {
    this.#lastMicros = Math.max(this.#lastMicros + 1, Date.now() * 1000);
    return this.#lastMicros;
  }
}

/** The fields after an update or a transform, which see those before it. */
function written(write: Write, current: Fields, requestTime: Timestamp): { fields: Fields; transformResults: Value[] } {
  const update = storedFields(write.update?.fields);
  let fields = current;
  if (write.update !== undefined) fields = write.updateMask ? applyMask(current, update, write.updateMask) : update;
  const transformResults: Value[] = [];
  for (const change of write.updateTransforms ?? write.transform?.fieldTransforms ?? []) {
    const path = parseFieldPath(change.fieldPath);
    const { value, result } = transform(getField(fields, path), change, requestTime);
    fields = withField(fields, path, value);
    transformResults.push(result);
  }
  return { fields: transformResults.length > 0 ? storedFields(fields) : fields, transformResults };
}
