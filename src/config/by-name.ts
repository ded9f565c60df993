import * as v from 'valibot';
import { isRecord } from './interpolate.ts';
import { text } from './schemas.ts';

/** Names that valibot's `record` drops. */
const DROPPED: ReadonlySet<string> = new Set(['__proto__', 'prototype', 'constructor']);
/** A character that cannot occur in a YAML name. */
const MARK = '\0';

/** Accepts a group of settings with user-defined names: valibot's `record`, but for any name, such as `prototype`. */
export function byName<const TValue extends v.GenericSchema>(
  value: TValue,
): v.RecordSchema<typeof text, TValue, undefined> {
  const schema = v.record(text, value);
  const run = schema['~run'].bind(schema);
  return Object.assign(schema, {
    '~run': (...[dataset, config]: Parameters<typeof run>): ReturnType<typeof run> => {
      const input = dataset.value;
      if (!isRecord(input) || !Object.keys(input).some((name) => DROPPED.has(name))) return run(dataset, config);
      const result = run({ ...dataset, value: renamed(input, marked) }, config);
      for (const issue of result.issues ?? []) {
        const [first] = issue.path ?? [];
        if (first !== undefined && typeof first.key === 'string')
          Object.assign(first, { input, key: unmarked(first.key) });
      }
      return isRecord(result.value) ? Object.assign(result, { value: renamed(result.value, unmarked) }) : result;
    },
  });
}

function renamed(record: Readonly<Record<string, unknown>>, rename: (name: string) => string): Record<string, unknown> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [rename(name), value]));
}

function marked(name: string): string {
  return DROPPED.has(name) ? MARK + name : name;
}

function unmarked(name: string): string {
  return name.startsWith(MARK) ? name.slice(MARK.length) : name;
}
