import { accessSync, constants } from 'node:fs';
import * as v from 'valibot';
import { pathProblem } from '../core/message-path.ts';

/** Beside its description, an entry of the settings reference. */
export interface SettingNotes {
  /** Shown where there is no default to show. */
  readonly example?: unknown;
  /** Says what holds while the setting is left out, where the schema has no default. */
  readonly unset?: string;
  /** Stands for the type that the schema shows, and for the settings below it. */
  readonly kind?: string;
}

/** Describes a setting for the settings reference. It is parsed as before. */
export function setting<const T extends v.GenericSchema>(schema: T, description: string, notes: SettingNotes = {}) {
  return v.pipe(schema, v.description(description), v.metadata({ ...notes }));
}

/** A whole number of milliseconds. */
export function milliseconds({ min = 0, max = 2 ** 31 - 1 }: { min?: number; max?: number } = {}) {
  return wholeNumber(min, max);
}

/** A count: at least 1, unless `min` says otherwise. */
export function count({ min = 1, max = Number.MAX_SAFE_INTEGER }: { min?: number; max?: number } = {}) {
  return wholeNumber(min, max);
}

/** A size in bytes. */
export function bytes({ min = 1, max = Number.MAX_SAFE_INTEGER }: { min?: number; max?: number } = {}) {
  return wholeNumber(min, max);
}

function wholeNumber(min: number, max: number) {
  return v.pipe(v.unknown(), v.transform(numberFromText), v.number(), v.integer(), v.minValue(min), v.maxValue(max));
}

/** The environment gives text, where YAML gives numbers. */
function numberFromText(value: unknown): unknown {
  return typeof value === 'string' && /^-?\d+$/.test(value) ? Number(value) : value;
}

/** One of a few numbers. */
export function oneOf<const T extends readonly number[]>(numbers: T) {
  return v.pipe(v.unknown(), v.transform(numberFromText), v.picklist(numbers));
}

/** A text that may not be empty. */
export const text = v.pipe(v.string(), v.nonEmpty());

/** A text that logs, errors and printed configurations mask. */
export const secret = v.pipe(v.string(), v.nonEmpty(), v.metadata({ secret: true, kind: 'string, printed masked' }));

/** Path of a file that can be read. */
export const readableFile = v.pipe(
  v.string(),
  v.metadata({ kind: 'file' }),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    try {
      accessSync(dataset.value, constants.R_OK);
    } catch {
      addIssue({ message: `the file "${dataset.value}" does not exist, or cannot be read` });
    }
  }),
);

/** `true` or `false`. */
export const flag = v.pipe(
  v.unknown(),
  v.transform((value) => (value === 'true' || value === 'false' ? value === 'true' : value)),
  v.boolean(),
);

/** A path into a message: `payload.id`, `attributes.uid`, `enrichmentData.DeviceID`, `metadata.id` … */
export const messagePath = v.pipe(
  v.string(),
  v.metadata({ kind: 'path' }),
  v.rawCheck(({ dataset, addIssue }) => {
    const problem = dataset.typed ? pathProblem(dataset.value) : undefined;
    if (problem !== undefined) addIssue({ message: problem });
  }),
);
