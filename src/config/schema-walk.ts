import type { GenericSchema } from 'valibot';
import { isRecord } from './interpolate.ts';

/** Returns the schema inside `optional`, `nullish`, `pipe` and `lazy`. */
function unwrapped(schema: unknown): unknown {
  if (!isSchema(schema)) return undefined;
  if ('wrapped' in schema) return unwrapped(schema.wrapped);
  if ('getter' in schema && typeof schema.getter === 'function') return unwrapped(schema.getter());
  return schema;
}

function isSchema(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && 'kind' in value;
}

/** The settings below a setting: fixed entries, user-defined names (a record), or none. */
export type Children =
  | { readonly kind: 'entries'; readonly entries: Readonly<Record<string, unknown>> }
  | { readonly kind: 'record'; readonly value: unknown }
  | { readonly kind: 'leaf' };

/** Returns the settings below a schema, from valibot's own structure. A union has the entries of all its branches. */
export function childrenOf(schema: unknown): Children {
  const inner = unwrapped(schema);
  if (!isSchema(inner)) return { kind: 'leaf' };
  if (isRecord(inner.entries)) return { kind: 'entries', entries: inner.entries };
  if (inner.type === 'record') return { kind: 'record', value: inner.value };
  if (Array.isArray(inner.options)) {
    const branches = inner.options.map(childrenOf).filter((branch) => branch.kind === 'entries');
    if (branches.length > 0) {
      return { kind: 'entries', entries: Object.assign({}, ...branches.map((branch) => branch.entries)) };
    }
  }
  return { kind: 'leaf' };
}

/** Returns the schema of a list's elements; undefined of anything else. */
export function itemOf(schema: unknown): unknown {
  const inner = unwrapped(schema);
  return isSchema(inner) && inner.type === 'array' ? inner.item : undefined;
}

/** Returns whether a setting can be a plain value: it has no settings below it, or is a union with such a branch. */
export function isValue(schema: unknown): boolean {
  if (childrenOf(schema).kind === 'leaf') return true;
  const inner = unwrapped(schema);
  return isSchema(inner) && Array.isArray(inner.options) && inner.options.some(isValue);
}

/** Returns whether the schema of a setting is marked as a secret. */
export function isSecret(schema: unknown): boolean {
  const inner = unwrapped(schema);
  if (!isSchema(inner) || !Array.isArray(inner.pipe)) return false;
  return inner.pipe.some(
    (item: unknown) =>
      isSchema(item) &&
      ((isRecord(item.metadata) && item.metadata.secret === true) || ('pipe' in item && isSecret(item))),
  );
}

/** Masks the password in an address: everything between the first colon and the last `@` before the path. */
export function maskAddress(text: string): string {
  return text
    .replace(/^([a-z][a-z0-9+.-]*:\/\/[^:/@]*):[^/]*@/i, '$1:***@')
    .replace(/([?&](?:password|secret|token)=)[^&#]*/gi, '$1***');
}

/** Masks secrets, and passwords in addresses. */
export function maskSecrets(schema: GenericSchema | unknown, value: unknown): unknown {
  if (isSecret(schema) && value !== undefined) return '***';
  if (typeof value === 'string') return maskAddress(value);
  if (Array.isArray(value)) return value.map((item) => maskSecrets(undefined, item));
  if (!isRecord(value)) return value;
  const children = childrenOf(schema);
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => {
      const child =
        children.kind === 'entries' ? children.entries[key] : children.kind === 'record' ? children.value : undefined;
      return [key, maskSecrets(child, item)];
    }),
  );
}
