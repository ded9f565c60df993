import * as v from 'valibot';
import { invalid, StorageError } from './storage-error.ts';

export type JsonObject = Readonly<Record<string, unknown>>;

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Parses the JSON body of a call; an empty one counts as `{}`. */
export function parseJsonObject(text: string): JsonObject {
  try {
    const value: unknown = JSON.parse(text.trim() || '{}');
    if (isJsonObject(value)) return value;
  } catch {
    // Falls through to the real service's answer.
  }
  throw new StorageError(400, 'parseError', 'Parse Error');
}

/**
 * Merges like the JSON API: objects key by key, `null` removes, anything else (including arrays) replaces.
 * https://cloud.google.com/storage/docs/json_api#patch
 */
export function mergePatch(target: JsonObject, patch: JsonObject): JsonObject {
  const merged: Record<string, unknown> = { ...target };
  for (const [key, value] of Object.entries(patch)) {
    const current = merged[key];
    if (value === null) delete merged[key];
    else if (isJsonObject(value)) merged[key] = mergePatch(isJsonObject(current) ? current : {}, value);
    else merged[key] = value;
  }
  return merged;
}

/**
 * Reads the fields of a body that the schema has, and drops the others, like the service. Throws 400 naming the field.
 */
export function readFields<T extends v.GenericSchema>(schema: T, body: JsonObject): v.InferOutput<T> {
  const parsed = v.safeParse(schema, body);
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  throw invalid(`Invalid argument: ${v.getDotPath(issue) ?? 'body'}: ${issue.message}`);
}
