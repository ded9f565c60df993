import type { StorageState } from './storage-state.ts';

/** One call, its path taken apart and decoded. `bucket` and `object` are empty where the path has none. */
export interface Call {
  readonly state: StorageState;
  readonly request: Request;
  readonly query: URLSearchParams;
  /** `http://host:port` as the caller wrote it, for the links in the answer. */
  readonly origin: string;
  readonly bucket: string;
  readonly object: string;
  parameter(name: string): string;
}

/** One method of the JSON API. */
export interface Operation {
  /** As Google's reference calls it: `storage.objects.insert`. */
  readonly name: string;
  readonly method: 'DELETE' | 'GET' | 'PATCH' | 'POST' | 'PUT';
  /** Below `/storage/v1` (or, for STORAGE_EMULATOR_HOST, below nothing); `upload` is below `/upload/storage/v1`. */
  readonly path: string;
  readonly upload?: true;
  handle(call: Call): Response | Promise<Response>;
}
