/** In the order in which they are created; they are deleted in the opposite order. */
export const KINDS = ['topic', 'subscription', 'bucket', 'dataset', 'table'] as const;
export type Kind = (typeof KINDS)[number];

/** Labels as the cloud keeps them. */
export type Labels = Readonly<Record<string, string>>;

/** A resource as it exists in the cloud. */
export interface Existing {
  readonly labels: Labels;
  /** Settings that are not as declared, in words. */
  readonly differences: readonly string[];
}

/**
 * A resource in the cloud, as a pipeline declares it. Calls wait out an outage of 30 s; they reject with a FatalError
 * where the declaration or a permission is at fault.
 */
export interface Resource {
  readonly kind: Kind;
  /** Full name, as the cloud shows it. */
  readonly name: string;
  /** Undefined if it does not exist. */
  look(): Promise<Existing | undefined>;
  /** That it exists by now is no error. */
  create(labels: Labels): Promise<void>;
  /**
   * Returns the other users of the resource, in words; no option overrides that.
   *
   * @param doomed names of what is deleted before it.
   */
  users(doomed: ReadonlySet<string>): Promise<string | undefined>;
  /** The data that would be lost with it: messages, objects, rows. `--with-data` allows it. */
  contents(): Promise<string | undefined>;
  /** That it is gone by now is no error. */
  delete(): Promise<void>;
}

/** Returns the differences between a declaration and the cloud, from names of settings and both values. */
export function differencesOf(
  pairs: readonly (readonly [setting: string, declared: unknown, found: unknown])[],
): string[] {
  return pairs
    .filter(([, declared, found]) => JSON.stringify(declared) !== JSON.stringify(found))
    .map(([setting, declared, found]) => `${setting} is ${worded(found)}, declared ${worded(declared)}`);
}

function worded(value: unknown): string {
  return value === undefined || value === null ? 'not set' : JSON.stringify(value);
}
