import { conditionNotMet, invalid, notModified } from './storage-error.ts';

/** The two version numbers of a resource; an object that does not exist has generation 0. */
export interface Versions {
  readonly generation: number;
  readonly metageneration: number;
}

const ABSENT: Versions = { generation: 0, metageneration: 0 };

function numberOf(query: URLSearchParams, parameter: string): number | undefined {
  const text = query.get(parameter);
  if (text === null) return undefined;
  if (!/^\d+$/.test(text)) throw invalid(`Invalid value for parameter ${parameter}: '${text}'`);
  return Number(text);
}

/**
 * Throws unless the `if…Match` parameters of a call hold for `current`: 412, or 304 for a read whose `if…NotMatch`
 * fails. `source` looks at `ifSourceGenerationMatch` and its like, which rewrite has.
 * https://cloud.google.com/storage/docs/request-preconditions
 */
export function checkPreconditions(
  query: URLSearchParams,
  current: Versions | undefined,
  { reading = false, source = false }: { reading?: boolean; source?: boolean } = {},
): void {
  const versions = current ?? ABSENT;
  const prefix = source ? 'ifSource' : 'if';
  for (const [kind, actual] of [
    ['Generation', versions.generation],
    ['Metageneration', versions.metageneration],
  ] as const) {
    const match = numberOf(query, `${prefix}${kind}Match`);
    if (match !== undefined && match !== actual) throw conditionNotMet();
    const notMatch = numberOf(query, `${prefix}${kind}NotMatch`);
    if (notMatch !== undefined && notMatch === actual) throw reading ? notModified() : conditionNotMet();
  }
}
