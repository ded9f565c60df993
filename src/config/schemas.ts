import { accessSync, constants } from 'node:fs';
import * as v from 'valibot';
import { pathProblem } from '../core/message-path.ts';

/** Notes of a setting for the reference, besides its description. */
export interface SettingNotes {
  /** Shown if there is no default. */
  readonly example?: unknown;
  /** Describes the behavior without the setting, if the schema has no default. */
  readonly unset?: string;
  /** Replaces the type shown by the schema, and the settings below it. */
  readonly kind?: string;
}

/** Adds a description to a setting for the reference. Does not change how it is parsed. */
export function setting<const T extends v.GenericSchema>(schema: T, description: string, notes: SettingNotes = {}) {
  return v.pipe(schema, v.description(description), v.metadata({ ...notes }));
}

/** A whole number of milliseconds. */
export function milliseconds({ min = 0, max = 2 ** 31 - 1 }: { min?: number; max?: number } = {}) {
  return wholeNumber(min, max);
}

/** A count: at least 1 unless `min` is given. */
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

/** Converts text to a number: the environment provides text where YAML provides numbers. */
function numberFromText(value: unknown): unknown {
  return typeof value === 'string' && /^-?\d+$/.test(value) ? Number(value) : value;
}

/** A number from 0 to 1. */
export const fraction = v.pipe(
  v.unknown(),
  v.transform((value) => (typeof value === 'string' && /^-?\d*\.?\d+(e-?\d+)?$/i.test(value) ? Number(value) : value)),
  v.number(),
  v.minValue(0),
  v.maxValue(1),
  v.metadata({ kind: 'number, 0 to 1' }),
);

/** An address that begins with `http://` or `https://`. */
export const httpAddress = v.pipe(
  v.string(),
  v.check(
    (address) => URL.canParse(address) && /^https?:$/.test(new URL(address).protocol),
    'expected an address such as http://127.0.0.1:4318',
  ),
);

/** One of several numbers. */
export function oneOf<const T extends readonly number[]>(numbers: T) {
  return v.pipe(v.unknown(), v.transform(numberFromText), v.picklist(numbers));
}

/** A non-empty string. */
export const text = v.pipe(v.string(), v.nonEmpty());

/** A string that logs, errors and printed configurations mask. */
export const secret = v.pipe(v.string(), v.nonEmpty(), v.metadata({ secret: true, kind: 'string, printed masked' }));

/** Path of a readable file. */
export const readableFile = v.pipe(
  v.string(),
  v.metadata({ kind: 'file' }),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    try {
      accessSync(dataset.value, constants.R_OK);
    } catch {
      addIssue({ message: `the file "${dataset.value}" does not exist or cannot be read` });
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
