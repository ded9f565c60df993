import { writeFileSync } from 'node:fs';
import { toError } from '../core/errors.ts';

/**
 * Writes the address of health and metrics into the file that `HTTP_ADDRESS_FILE` names, if it names one: a container's
 * health check reads it, so that it follows the configuration without reading it. Returns what kept it from being written.
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
