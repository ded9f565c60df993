import * as v from 'valibot';
import { BIGQUERY_PERMISSIONS } from './bigquery/permissions.ts';
import { FIRESTORE_PERMISSIONS } from './firestore/permissions.ts';
import { Permissions } from './permissions.ts';
import { PUBSUB_PERMISSIONS } from './pubsub/permissions.ts';
import { SettingsError } from './settings-error.ts';
import { STORAGE_PERMISSIONS } from './storage/permissions.ts';

const settingsSchema = v.strictObject({
  /** Permissions or methods denied to every caller, for example `storage.objects.get`; `*` matches anything. */
  deny: v.optional(v.array(v.string())),
  /** The only permissions of every caller, instead of `deny`. */
  allow: v.optional(v.array(v.string())),
  /** Time after a schema change during which inserts refuse its new columns. Default: 0. */
  schemaDelayMs: v.optional(v.pipe(v.number(), v.minValue(0))),
});

export type SettingsInput = v.InferInput<typeof settingsSchema>;

/** Settings that can change while a sandbox runs. */
export class SandboxSettings {
  readonly permissions = new Permissions([
    PUBSUB_PERMISSIONS,
    FIRESTORE_PERMISSIONS,
    STORAGE_PERMISSIONS,
    BIGQUERY_PERMISSIONS,
  ]);
  schemaDelayMs = 0;

  /**
   * Changes the given settings, and keeps the others.
   *
   * @throws SettingsError naming each wrong setting; none is changed then.
   */
  change(settings: unknown): void {
    const parsed = v.safeParse(settingsSchema, settings);
    if (!parsed.success) {
      const problems = parsed.issues.map((issue) => `${v.getDotPath(issue) ?? 'settings'}: ${issue.message}`);
      throw new SettingsError(problems.join('\n'));
    }
    const { deny, allow, schemaDelayMs = this.schemaDelayMs } = parsed.output;
    if (deny !== undefined && allow !== undefined) {
      throw new SettingsError('allow: denies everything else, so deny has no use: remove one of them');
    }
    if (deny !== undefined) this.permissions.deny(deny);
    if (allow !== undefined) this.permissions.allow(allow);
    this.schemaDelayMs = schemaDelayMs;
  }

  /** An allow list is shown as the permissions that it denies. */
  toJSON(): Required<Omit<SettingsInput, 'allow'>> {
    return { deny: [...this.permissions.denied], schemaDelayMs: this.schemaDelayMs };
  }
}
