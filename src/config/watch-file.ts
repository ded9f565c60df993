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

/** Editors and deployments write a file in several steps; a change counts once it has been quiet for this long. */
const QUIET_MS = 150;
/** Interval of polling, which finds changes that native watching misses. */
const POLL_MS = 2_000;

export interface WatchFileOptions {
  /** Called once, with the reason, if the folder cannot be watched, for example without free inotify instances. */
  readonly onPolled?: (reason: Error) => void;
  /** Default: `fs.watch`. */
  readonly watch?: (folder: string, onEvent: () => void) => FSWatcher;
}

/**
 * Emits whenever the content of a file changes. Never fails: a missing file counts as changed once it is back.
 *
 * Native watching is fast; polling with one `stat` every two seconds is reliable. It finds changes behind a symbolic
 * link, or in a folder that replaced the watched one. The folder is watched instead of the file, because editors
 * replace files, and Kubernetes replaces the link to the folder of a mounted file.
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
      // The folder may have been replaced.
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

/** Returns a stamp that changes with the file at a path, and with its content. */
async function stampOf(file: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(file, { bigint: true });
    return `${dev} ${ino} ${size} ${mtimeNs} ${ctimeNs}`;
  } catch (thrown) {
    return String(errorCode(thrown));
  }
}

/** Returns the content, or why it cannot be read. Undefined while a replacement is in progress and there is no file. */
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
