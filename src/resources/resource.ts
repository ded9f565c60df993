/** In order of creation; deletion uses the reverse order. */
export const KINDS = ['topic', 'subscription', 'bucket', 'dataset', 'table'] as const;
export type Kind = (typeof KINDS)[number];

/** Labels as stored in the cloud. */
export type Labels = Readonly<Record<string, string>>;

/** A resource as it exists in the cloud. */
export interface Existing {
  readonly labels: Labels;
  /** Describes settings that differ from the declaration. */
  readonly differences: readonly string[];
}

/**
 * A resource in the cloud, as declared by a pipeline. Calls retry an outage for 30 s, and reject with a FatalError if
 * the declaration or a permission is at fault.
 */
export interface Resource {
  readonly kind: Kind;
  /** Full name as shown by the cloud. */
  readonly name: string;
  /** Resolves with undefined if it does not exist. */
  look(): Promise<Existing | undefined>;
  /** Succeeds if it already exists. */
  create(labels: Labels): Promise<void>;
  /**
   * Describes other users of the resource, which no option overrides.
   *
   * @param doomed names of resources that are deleted first.
   */
  users(doomed: ReadonlySet<string>): Promise<string | undefined>;
  /** Describes the data that would be lost with it: messages, objects, rows. `--with-data` permits that. */
  contents(): Promise<string | undefined>;
  /** Succeeds if it is already gone. */
  delete(): Promise<void>;
}

/** Describes differences between a declaration and the cloud, from setting names and both values; of lists, what one side lacks. */
export function differencesOf(
  pairs: readonly (readonly [setting: string, declared: unknown, found: unknown])[],
): string[] {
  return pairs
    .filter(([, declared, found]) => JSON.stringify(declared) !== JSON.stringify(found))
    .map(([setting, declared, found]) =>
      Array.isArray(declared) && Array.isArray(found)
        ? `${setting} ${listDifference(declared, found)}`
        : `${setting} is ${worded(found)}, declared ${worded(declared)}`,
    );
}

function listDifference(declared: readonly unknown[], found: readonly unknown[]): string {
  const missing = declared.filter((item) => !found.includes(item));
  const extra = found.filter((item) => !declared.includes(item));
  const parts = [
    ...(missing.length > 0 ? [`declared and missing: ${missing.join(', ')}`] : []),
    ...(extra.length > 0 ? [`not declared: ${extra.join(', ')}`] : []),
  ];
  return parts.length > 0 ? parts.join('; ') : 'are declared in another order';
}

function worded(value: unknown): string {
  return value === undefined || value === null ? 'not set' : JSON.stringify(value);
}
