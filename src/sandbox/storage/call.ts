import type { StorageState } from './storage-state.ts';

/** One call, its path taken apart and decoded. `bucket` and `object` are empty where the path has none. */
export interface Call {
  readonly state: StorageState;
  readonly request: Request;
  readonly query: URLSearchParams;
  readonly bucket: string;
  readonly object: string;
}
