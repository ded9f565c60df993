import { invalidArgument } from './rpc.ts';

/** The fields of a resource by what an update may do with them, in the names of the proto file. */
export interface ResourceFields {
  readonly message: 'Topic' | 'Subscription';
  readonly mutable: readonly string[];
  readonly immutable: readonly string[];
}

/** `current` with the fields that the mask names taken from `changed`; one that is not set there goes back to its default. */
export function maskedFields<T extends object>(
  { message, mutable, immutable }: ResourceFields,
  current: T,
  changed: T,
  paths: readonly string[],
): Partial<T> {
  const request = `the Update${message}Request`;
  if (paths.length === 0)
    throw invalidArgument(`The update_mask in ${request} must be set, and must contain a non-empty paths list.`);
  const names = new Set<string>();
  for (const path of paths) {
    if (immutable.includes(path))
      throw invalidArgument(
        `Invalid update_mask provided in ${request}: the ${path} field in the ${message} is not mutable.`,
      );
    if (!mutable.includes(path))
      throw invalidArgument(`Invalid update_mask provided in ${request}: ${path} is not a known ${message} field.`);
    names.add(path.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()));
  }
  const result: Partial<T> = { ...current };
  for (const key in current) if (names.has(key)) delete result[key];
  for (const key in changed) if (names.has(key)) result[key] = changed[key];
  return result;
}
