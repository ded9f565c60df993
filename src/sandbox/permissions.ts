import { SettingsError } from './settings-error.ts';

/** IAM permissions of each method of a server, by the method's name in Google's reference. */
export type MethodPermissions = Readonly<Record<string, readonly string[]>>;

/** The permissions that callers of a sandbox lack. There are no identities: a denial applies to all callers. */
export class Permissions {
  readonly #known: ReadonlySet<string>;
  #denied: ReadonlySet<string> = new Set();

  /** @param methods of all servers: the names that can be denied. */
  constructor(methods: readonly MethodPermissions[] = []) {
    this.#known = new Set(methods.flatMap((each) => [...Object.keys(each), ...Object.values(each).flat()]));
  }

  get denied(): readonly string[] {
    return [...this.#denied];
  }

  /**
   * Denies exactly these permissions (`storage.objects.get`) or methods (`tabledata.insertAll`) from now on. A method
   * is also denied if one of its permissions is. `*` matches anything: `storage.*`.
   *
   * @throws SettingsError naming each unknown permission or method, and the known ones.
   */
  deny(names: readonly string[]): void {
    const denied = new Set<string>();
    for (const name of names) {
      const pattern = new RegExp(`^${name.replaceAll('.', '\\.').replaceAll('*', '.*')}$`);
      const found = /^[\w.*]+$/.test(name) ? [...this.#known].filter((each) => pattern.test(each)) : [];
      if (found.length === 0) {
        const [service = ''] = name.split('.');
        const alike = [...this.#known].filter((each) => each.startsWith(`${service}.`));
        const shown = (alike.length > 0 ? alike : [...this.#known]).sort().join(', ');
        throw new SettingsError(`deny: "${name}" is not a permission or a method of the sandbox; there are ${shown}`);
      }
      for (const each of found) denied.add(each);
    }
    this.#denied = denied;
  }

  /** Returns those of the permissions that callers have, as `testIamPermissions` of each API answers. */
  held(asked: readonly string[]): string[] {
    return asked.filter((permission) => !this.#denied.has(permission));
  }

  /** Returns a permission that a call lacks; undefined if it may pass. */
  lackedBy(method: string, needed: readonly string[]): string | undefined {
    if (this.#denied.size === 0) return undefined;
    return this.#denied.has(method) ? (needed[0] ?? method) : needed.find((permission) => this.#denied.has(permission));
  }
}
