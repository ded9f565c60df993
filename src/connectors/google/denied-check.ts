import { errorCode } from '../../core/errors.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';

/** gRPC's PERMISSION_DENIED and HTTP's Forbidden. */
const DENIED: ReadonlySet<unknown> = new Set([7, 403]);
/** Reasons of a 403 or PERMISSION_DENIED that mean a missing right; others are a disabled API, a quota, billing. */
const LACKS_RIGHT: ReadonlySet<unknown> = new Set([
  undefined,
  'forbidden',
  'accessDenied',
  'insufficientPermissions',
  'IAM_PERMISSION_DENIED',
]);

/** Returns whether a call was refused because the caller lacks the permission. */
export function isDenied(thrown: unknown): boolean {
  return DENIED.has(errorCode(thrown)) && LACKS_RIGHT.has(errorReason(thrown));
}

/** The reason of a client's error: `reason` of gRPC's ErrorInfo, or of the first error that HTTP names. */
export function errorReason(thrown: unknown): string | undefined {
  if (typeof thrown !== 'object' || thrown === null) return undefined;
  if ('reason' in thrown && typeof thrown.reason === 'string') return thrown.reason;
  const first: unknown = 'errors' in thrown && Array.isArray(thrown.errors) ? thrown.errors[0] : undefined;
  const hasReason = typeof first === 'object' && first !== null && 'reason' in first;
  return hasReason && typeof first.reason === 'string' ? first.reason : undefined;
}

/** A check at start that needs a right which the work itself does not. */
export interface StartCheck {
  /** The setting whose value is checked, such as `output.topicId`. */
  readonly setting: string;
  readonly resource: string;
  /** The IAM permission that the check needs. */
  readonly permission: string;
  /** The check that is skipped when the permission is missing. */
  readonly unchecked: string;
}

/**
 * Makes a check at start. Where the caller may not make it, warns and resolves with undefined: the work itself needs no
 * such right. Other errors pass through `asError`.
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

/** Logs and counts that a check at start is skipped: this identity may not look, and needs no right to. */
export function warnOfSkippedCheck(telemetry: Telemetry, { setting, resource, permission, unchecked }: StartCheck) {
  telemetry.event('check.skipped', { setting, resource, permission, unchecked });
}
