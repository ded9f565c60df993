import { writeFileSync } from 'node:fs';
import { toError } from '../core/errors.ts';

/**
 * Writes the address of health and metrics to the file in `HTTP_ADDRESS_FILE`, if set. A container's health check reads
 * it instead of the configuration. Returns the error if the file cannot be written.
 */
export function writeAddressFile(url: string, file = process.env.HTTP_ADDRESS_FILE ?? ''): Error | undefined {
  if (file === '') return undefined;
  try {
    writeFileSync(file, url);
    return undefined;
  } catch (thrown) {
    return toError(thrown);
  }
}
