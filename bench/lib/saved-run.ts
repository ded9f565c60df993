import { readFileSync } from 'node:fs';
import * as v from 'valibot';
import { UsageError } from './usage-error.ts';

/** JSON has no NaN: a missing measurement is saved as null. */
const measured = v.nullable(v.number());
const spread = v.object({ median: measured });
/** Parts that were added later, or not requested. */
const part = <T extends v.GenericSchema>(item: T) => v.optional(v.array(item), []);

/** The compared part of a report. Files of older versions have fewer fields. */
const schema = v.object({
  throughput: v.array(
    v.object({
      service: v.string(),
      by: v.string(),
      variant: v.string(),
      payloadBytes: v.number(),
      rate: spread,
      cpuMicrosPerMessage: spread,
    }),
  ),
  date: v.string(),
  latency: part(
    v.object({ service: v.string(), by: v.string(), ratePerSecond: v.number(), latency: v.object({ p99: measured }) }),
  ),
  insert: part(v.object({ way: v.string(), cpuMicrosPerRow: spread })),
  growth: part(v.object({ what: v.string(), at: v.number(), unit: v.string(), value: measured })),
});

export type SavedRun = v.InferOutput<typeof schema>;

/** Reads the file of `--compare` before the measurements: a wrong file must not cost a run. */
export function savedRun(file: string): SavedRun {
  const result = v.safeParse(schema, jsonOf(file), { abortEarly: true });
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw refusal(file, `${v.getDotPath(issue) ?? 'the whole of it'}: ${issue.message}`);
}

function jsonOf(file: string): unknown {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw refusal(file, 'there is no such file');
    throw refusal(file, code === 'EISDIR' ? 'it is a folder' : `it cannot be read (${code})`);
  }
  try {
    return JSON.parse(text);
  } catch {
    throw refusal(file, 'it is not JSON');
  }
}

function refusal(file: string, why: string): UsageError {
  return new UsageError(`--compare ${file}: ${why}; expected the JSON of a saved run, as in bench/results`);
}
