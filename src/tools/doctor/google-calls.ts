import { isDenied } from '../../connectors/google/denied-check.ts';
import { errorCode } from '../../core/errors.ts';
import type { Report } from './finding.ts';

const NOT_FOUND: ReadonlySet<number> = new Set([5, 404]);
/** gRPC's UNIMPLEMENTED, and its HTTP equivalents. */
const UNIMPLEMENTED: ReadonlySet<number> = new Set([12, 501]);

/** For Pub/Sub calls: one attempt. */
export const ONE_TRY = { retry: null, timeout: 8_000 };
/** For Storage and BigQuery calls. */
export const ANSWER_WITHIN_MS = 8_000;

export interface Look {
  /** The permission that the check needs, and a role that includes it. */
  readonly permission: string;
  readonly role: string;
  /** What stays unknown without it. */
  readonly unchecked: string;
  readonly onMissing: () => void;
}

/** Makes the call of a check. Returns undefined if the resource does not exist, or the permission is missing. */
export async function lookedAt<T>(report: Report, look: Look, call: () => Promise<T>): Promise<T | undefined> {
  try {
    return await call();
  } catch (thrown) {
    if (NOT_FOUND.has(Number(errorCode(thrown)))) look.onMissing();
    else if (isDenied(thrown)) {
      report(
        'note',
        `not checked ${look.unchecked}: ${look.permission} is denied, which the service does not need`,
        look.role,
      );
    } else throw thrown;
    return undefined;
  }
}

/** A permission that a service needs. */
export interface NeededPermission {
  readonly permission: string;
  readonly role: string;
  /** What fails without it. */
  readonly purpose: string;
  /** True if the service does not need it. */
  readonly isOptional?: boolean;
}

/** Reports which of the needed permissions this identity lacks. */
export async function checkPermissions(
  report: Report,
  needed: readonly NeededPermission[],
  heldOf: (permissions: readonly string[]) => Promise<readonly string[]>,
): Promise<void> {
  let held: ReadonlySet<string>;
  try {
    held = new Set(await heldOf(needed.map(({ permission }) => permission)));
  } catch (thrown) {
    const code = Number(errorCode(thrown));
    if (UNIMPLEMENTED.has(code)) report('note', 'permissions are not checked: this server has none');
    else if (NOT_FOUND.has(code)) return;
    else if (isDenied(thrown)) report('note', 'permissions are not checked: testIamPermissions is denied');
    else throw thrown;
    return;
  }
  const lacking = needed.filter(({ permission }) => !held.has(permission));
  for (const { permission, role, purpose, isOptional = false } of lacking) {
    report(isOptional ? 'note' : 'error', `${permission} is missing: ${purpose}`, role);
  }
  if (lacking.length === 0) report('ok', `permissions: ${[...held].join(', ')}`);
}
