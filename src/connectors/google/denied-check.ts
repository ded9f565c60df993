import { errorCode } from '../../core/errors.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';

/** gRPC's PERMISSION_DENIED and HTTP's Forbidden. */
const DENIED: ReadonlySet<unknown> = new Set([7, 403]);
/**
 * Reasons of a 403 or PERMISSION_DENIED that mean a missing permission; others mean a disabled API, a quota or billing.
 */
const LACKS_RIGHT: ReadonlySet<unknown> = new Set([
  undefined,
  'forbidden',
  'accessDenied',
  'insufficientPermissions',
  'IAM_PERMISSION_DENIED',
]);

/** Returns whether a call failed because the caller lacks the permission. */
export function isDenied(thrown: unknown): boolean {
  return DENIED.has(errorCode(thrown)) && LACKS_RIGHT.has(errorReason(thrown));
}

/** Returns the reason of a client's error: `reason` of gRPC's ErrorInfo, or of the first error in an HTTP response. */
export function errorReason(thrown: unknown): string | undefined {
  if (typeof thrown !== 'object' || thrown === null) return undefined;
  if ('reason' in thrown && typeof thrown.reason === 'string') return thrown.reason;
  const first: unknown = 'errors' in thrown && Array.isArray(thrown.errors) ? thrown.errors[0] : undefined;
  const hasReason = typeof first === 'object' && first !== null && 'reason' in first;
  return hasReason && typeof first.reason === 'string' ? first.reason : undefined;
}

/** A check at start that needs a permission which the work itself does not need. */
export interface StartCheck {
  /** The setting that is checked, such as `output.topicId`. */
  readonly setting: string;
  readonly resource: string;
  /** The IAM permission that the check needs. */
  readonly permission: string;
  /** The check that is skipped without the permission. */
  readonly unchecked: string;
}

/**
 * Runs a check at start. If the caller lacks the permission, warns and resolves with undefined, since the work itself
 * does not need it. Passes other errors through `asError`.
 */
export async function checkUnlessDenied<T>(
  telemetry: Telemetry,
  check: StartCheck,
  call: () => Promise<T>,
  asError: (setting: string, value: string, thrown: unknown) => Error,
): Promise<T | undefined> {
  try {
    return await call();
  } catch (thrown) {
    if (!isDenied(thrown)) throw asError(check.setting, check.resource, thrown);
    warnOfSkippedCheck(telemetry, check);
    return undefined;
  }
}

/** Logs and counts that a check at start is skipped because this identity lacks an otherwise unneeded permission. */
export function warnOfSkippedCheck(telemetry: Telemetry, { setting, resource, permission, unchecked }: StartCheck) {
  telemetry.event('check.skipped', { setting, resource, permission, unchecked });
}
