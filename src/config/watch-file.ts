import { type FSWatcher, readFileSync, watch } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import {
  catchError,
  debounceTime,
  defer,
  distinctUntilChanged,
  EMPTY,
  exhaustMap,
  filter,
  map,
  merge,
  Observable,
  share,
  skip,
  startWith,
  switchMap,
  timer,
} from 'rxjs';
import { errorCode, toError } from '../core/errors.ts';
import { monotonicScheduler } from '../util/clock.ts';

/** Editors and deployments write a file in several steps; a change counts once it has been quiet for so long. */
const QUIET_MS = 150;
/** A change that native watching misses is seen after this time. */
const POLL_MS = 2_000;

export interface WatchFileOptions {
  /** Called once, with the reason, when the system does not watch the folder, as without free inotify instances. */
  readonly onPolled?: (reason: Error) => void;
  /** Default: `fs.watch`. */
  readonly watch?: (folder: string, onEvent: () => void) => FSWatcher;
}

/**
 * Emits whenever the content of a file has changed. Never fails: a file that is missing has changed once it is back.
 *
 * Native watching makes it quick, and polling makes it right: one `stat` every two seconds sees what native watching
 * does not, such as edits behind a symbolic link, or in a folder that took the place of the watched one. The folder is
 * watched, not the file: editors replace files, and Kubernetes replaces the link to the folder that a mounted file
 * stands in.
 */
export function watchFile(file: string, { onPolled, watch: open = watch }: WatchFileOptions = {}): Observable<void> {
  const hints = defer(() => {
    let isNative = true;
    const polled = timer(0, POLL_MS).pipe(
      exhaustMap(() => stampOf(file)),
      distinctUntilChanged(),
      share(),
    );
    const native = polled.pipe(
      // The folder may be another one by now.
      switchMap(() =>
        eventsIn(dirname(file), open).pipe(
          catchError((thrown: unknown) => {
            if (isNative && !isMissing(thrown)) {
              isNative = false;
              onPolled?.(toError(thrown));
            }
            return EMPTY;
          }),
        ),
      ),
    );
    return merge(native, polled);
  });
  return hints.pipe(
    startWith(undefined),
    debounceTime(QUIET_MS, monotonicScheduler),
    map(() => contentOf(file)),
    startWith(contentOf(file) ?? ''),
    filter((content) => content !== undefined),
    distinctUntilChanged(),
    skip(1),
    map(() => undefined),
  );
}

function eventsIn(folder: string, open: NonNullable<WatchFileOptions['watch']>): Observable<void> {
  return new Observable((subscriber) => {
    const watcher = open(folder, () => subscriber.next());
    watcher.on('error', (error) => subscriber.error(error));
    return () => watcher.close();
  });
}

/** Changes with the file that a path leads to, and with its content. */
async function stampOf(file: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(file, { bigint: true });
    return `${dev} ${ino} ${size} ${mtimeNs} ${ctimeNs}`;
  } catch (thrown) {
    return String(errorCode(thrown));
  }
}

/** The content, or why it cannot be read; undefined between the steps of a replacement, when there is no file. */
function contentOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (thrown) {
    return isMissing(thrown) ? undefined : String(thrown);
  }
}

function isMissing(thrown: unknown): boolean {
  const code = errorCode(thrown);
  return code === 'ENOENT' || code === 'ENOTDIR';
}
