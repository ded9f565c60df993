import { SettingsError } from './settings-error.ts';

/** IAM permissions of each method of a server, by the method's name in Google's reference. */
export type MethodPermissions = Readonly<Record<string, readonly string[]>>;

/** The permissions that callers of a sandbox lack. There are no identities: a denial applies to all callers. */
export class Permissions {
  readonly #known: ReadonlySet<string>;
  /** The known names without those of methods. */
  readonly #permissions: ReadonlySet<string>;
  readonly #used = new Set<string>();
  #denied: ReadonlySet<string> = new Set();

  /** @param methods of all servers: the names that can be denied. */
  constructor(methods: readonly MethodPermissions[] = []) {
    this.#permissions = new Set(methods.flatMap((each) => Object.values(each).flat()));
    this.#known = new Set([...methods.flatMap((each) => Object.keys(each)), ...this.#permissions]);
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
    this.#denied = new Set(names.flatMap((name) => matching('deny', 'permission or a method', name, this.#known)));
    this.#used.clear();
  }

  /**
   * Denies every permission except these from now on. `*` matches anything: `pubsub.*`.
   *
   * @throws SettingsError naming each unknown permission, and the known ones.
   */
  allow(names: readonly string[]): void {
    const allowed = new Set(names.flatMap((name) => matching('allow', 'permission', name, this.#permissions)));
    this.#denied = new Set([...this.#permissions].filter((each) => !allowed.has(each)));
    this.#used.clear();
  }

  /** Permissions of the calls that passed since `deny` or `allow` was last called, sorted. */
  get used(): readonly string[] {
    return [...this.#used].sort();
  }

  /** Returns those of the permissions that callers have, as `testIamPermissions` of each API answers. */
  held(asked: readonly string[]): string[] {
    return asked.filter((permission) => !this.#denied.has(permission));
  }

  /** Returns a permission that this call lacks. Undefined if it may pass: its permissions then count as used. */
  check(method: string, needed: readonly string[]): string | undefined {
    const lacked = this.lackedBy(method, needed);
    if (lacked === undefined) for (const permission of needed) this.#used.add(permission);
    return lacked;
  }

  /** Returns a permission that a call would lack; undefined if it may pass. */
  lackedBy(method: string, needed: readonly string[]): string | undefined {
    if (this.#denied.size === 0) return undefined;
    return this.#denied.has(method) ? (needed[0] ?? method) : needed.find((permission) => this.#denied.has(permission));
  }
}

function matching(setting: string, kind: string, name: string, known: ReadonlySet<string>): string[] {
  const pattern = new RegExp(`^${name.replaceAll('.', '\\.').replaceAll('*', '.*')}$`);
  const found = /^[\w.*]+$/.test(name) ? [...known].filter((each) => pattern.test(each)) : [];
  if (found.length > 0) return found;
  const [service = ''] = name.split('.');
  const alike = [...known].filter((each) => each.startsWith(`${service}.`));
  const shown = (alike.length > 0 ? alike : [...known]).sort().join(', ');
  throw new SettingsError(`${setting}: "${name}" is not a ${kind} of the sandbox; there are ${shown}`);
}
