import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Returns the version of this package. Its `package.json` is next to `src/` and next to `dist/`. */
export function packageVersion(): string {
  const file: { readonly version: string } = JSON.parse(
    readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8'),
  );
  return file.version;
}
