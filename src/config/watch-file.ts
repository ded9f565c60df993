import { readFileSync, watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import { debounceTime, distinctUntilChanged, map, Observable, skip, startWith } from 'rxjs';

/** Editors and deployments write a file in several steps; a change counts once it has been quiet for so long. */
const QUIET_MS = 150;

/**
 * Emits whenever the content of a file has changed. The folder is watched, not the file: editors replace files, and
 * Kubernetes replaces the link to the folder that a mounted file stands in.
 */
export function watchFile(file: string): Observable<void> {
  const folder = dirname(file);
  return new Observable<string | null>((subscriber) => {
    const watcher = watch(folder, (_, name) => subscriber.next(name));
    watcher.on('error', (error) => subscriber.error(error));
    return () => watcher.close();
  }).pipe(
    startWith(basename(file)),
    debounceTime(QUIET_MS),
    map(() => contentOf(file)),
    startWith(contentOf(file)),
    distinctUntilChanged(),
    skip(1),
    map(() => undefined),
  );
}

function contentOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    // Between the steps of a replacement there may be no file: the change counts when it is back.
    return '';
  }
}
