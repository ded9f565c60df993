import type { Permissions } from '../permissions.ts';
import type { Require } from './permissions.ts';
import type { StorageState } from './storage-state.ts';

/** One call with its decoded path. `bucket` and `object` are empty if the path has none. */
export interface Call {
  readonly state: StorageState;
  readonly request: Request;
  readonly query: URLSearchParams;
  readonly headers: Headers;
  readonly bucket: string;
  readonly object: string;
  /** Scheme, host and port that the caller used, which links in the response begin with. */
  readonly origin: string;
  /** Throws 403 if the caller lacks an IAM permission. */
  readonly require: Require;
  readonly permissions: Permissions;
}
