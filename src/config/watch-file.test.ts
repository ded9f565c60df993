import { type FSWatcher, mkdirSync, renameSync, rmSync, symlinkSync, watch, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { mock } from 'node:test';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { firstValueFrom, timeout } from 'rxjs';
import * as assert from 'uvu/assert';
import { eventually } from '../testing/eventually.ts';
import { suite } from '../testing/suite.ts';
import { withTemporaryFolder } from '../testing/temporary-folder.ts';
import { type WatchFileOptions, watchFile } from './watch-file.ts';

/** Longer than the watcher's quiet period. */
const QUIET_MS = 300;

/** Watches `a.yaml` in a folder set up by `prepare`, and counts its changes. */
async function watching(
  body: (folder: string, changes: (expected: number) => Promise<void>) => Promise<void>,
  prepare = (folder: string) => writeFileSync(join(folder, 'a.yaml'), 'one'),
  options: WatchFileOptions = {},
): Promise<void> {
  await withTemporaryFolder(async (parent) => {
    const folder = join(parent, 'watched');
    mkdirSync(folder);
    prepare(folder);
    let count = 0;
    let failure: unknown;
    const subscription = watchFile(join(folder, 'a.yaml'), options).subscribe({
      next: () => {
        count += 1;
      },
      error: (thrown) => {
        failure = thrown;
      },
    });
    try {
      await body(folder, async (expected) => {
        await eventually(() => assert.ok(count >= expected, `${count} changes`));
        await sleep(QUIET_MS);
        assert.is(count, expected);
        assert.is(failure, undefined);
      });
    } finally {
      subscription.unsubscribe();
    }
  });
}

suite('watch file', ({ test }) => {
  test('reports a content change once, however many steps it takes', () =>
    watching(async (folder, changes) => {
      for (const text of ['t', 'tw', 'two']) {
        writeFileSync(join(folder, 'a.yaml'), text);
        await setImmediate();
      }
      await changes(1);
      writeFileSync(join(folder, 'a.yaml'), 'three');
      await changes(2);
    }));

  test('reports repeated replacement by renaming', () =>
    watching(async (folder, changes) => {
      for (const [index, text] of ['two', 'three'].entries()) {
        writeFileSync(join(folder, 'a.tmp'), text);
        renameSync(join(folder, 'a.tmp'), join(folder, 'a.yaml'));
        await changes(index + 1);
      }
    }));

  test('reports a switched link target, as in Kubernetes', () =>
    watching(
      async (folder, changes) => {
        mkdirSync(join(folder, '..v2'));
        writeFileSync(join(folder, '..v2', 'a.yaml'), 'two');
        symlinkSync('..v2', join(folder, '..data_tmp'));
        renameSync(join(folder, '..data_tmp'), join(folder, '..data'));
        await changes(1);
      },
      (folder) => {
        mkdirSync(join(folder, '..v1'));
        writeFileSync(join(folder, '..v1', 'a.yaml'), 'one');
        symlinkSync('..v1', join(folder, '..data'));
        symlinkSync('..data/a.yaml', join(folder, 'a.yaml'));
      },
    ));

  test('a clock step delays no change', () =>
    watching(async (folder, changes) => {
      writeFileSync(join(folder, 'a.yaml'), 'two');
      // The watcher has seen the change, and waits for its quiet period.
      await sleep(50);
      const now = Date.now;
      const step = mock.method(Date, 'now', () => now() - 3_600_000);
      try {
        await changes(1);
      } finally {
        step.mock.restore();
      }
    }));

  test('ignores other files, and rewrites with equal content', () =>
    watching(async (folder, changes) => {
      writeFileSync(join(folder, 'other.yaml'), 'x');
      writeFileSync(join(folder, 'a.yaml'), 'one');
      await sleep(QUIET_MS);
      await changes(0);
    }));

  test('a change between the call and the subscription is not missed', () =>
    withTemporaryFolder(async (folder) => {
      const file = join(folder, 'a.yaml');
      writeFileSync(file, 'one');
      const changes = watchFile(file);
      writeFileSync(file, 'two');
      await firstValueFrom(changes.pipe(timeout(40_000)));
    }));

  test('a change right after subscribing is not missed', () =>
    watching(async (folder, changes) => {
      writeFileSync(join(folder, 'a.yaml'), 'two');
      rmSync(join(folder, 'a.yaml'));
      writeFileSync(join(folder, 'a.yaml'), 'three');
      await changes(1);
    }));

  test('keeps watching a folder that is replaced repeatedly', async () => {
    const watched: FSWatcher[] = [];
    await watching(
      async (folder, changes) => {
        for (const [index, text] of ['two', 'three'].entries()) {
          await eventually(() => assert.ok(watched.length >= index + 1));
          renameSync(folder, `${folder}-${index}`);
          mkdirSync(folder);
          writeFileSync(join(folder, 'a.yaml'), text);
          await changes(2 * index + 1);
          await eventually(() => assert.ok(watched.length >= index + 2, `${watched.length} folders watched`));
          writeFileSync(join(folder, 'a.yaml'), `${text}, edited`);
          await changes(2 * index + 2);
        }
      },
      undefined,
      {
        watch: (folder, listener) => {
          const watcher = watch(folder, listener);
          watched.push(watcher);
          return watcher;
        },
      },
    );
  });

  test('keeps watching for a folder that is temporarily missing', () =>
    watching(async (folder, changes) => {
      renameSync(folder, `${folder}-away`);
      await sleep(QUIET_MS);
      await changes(0);
      renameSync(`${folder}-away`, folder);
      await changes(0);
      writeFileSync(join(folder, 'a.yaml'), 'two');
      await changes(1);
    }));

  test('reports a file that is missing at first once it exists', () =>
    watching(
      async (folder, changes) => {
        writeFileSync(join(folder, 'a.yaml'), 'one');
        await changes(1);
      },
      () => {},
    ));

  test('reports edits behind a link to a file or folder', () =>
    watching(
      async (folder, changes) => {
        writeFileSync(join(folder, '../elsewhere/a.yaml'), 'two');
        await changes(1);
        rmSync(join(folder, '../link'));
        symlinkSync('other', join(folder, '../link'));
        await changes(2);
      },
      (folder) => {
        for (const [name, text] of [
          ['elsewhere', 'one'],
          ['other', 'of another folder'],
        ] as const) {
          mkdirSync(join(folder, '..', name));
          writeFileSync(join(folder, '..', name, 'a.yaml'), text);
        }
        symlinkSync('elsewhere', join(folder, '../link'));
        symlinkSync('../link/a.yaml', join(folder, 'a.yaml'));
      },
    ));

  test('polls without native watching, and reports that once', async () => {
    const reasons: string[] = [];
    const code = (text: string) => Object.assign(new Error(`${text}: no watches left`), { code: text });
    await watching(
      async (folder, changes) => {
        for (const [index, text] of ['two', 'three'].entries()) {
          writeFileSync(join(folder, 'a.yaml'), text);
          await changes(index + 1);
        }
      },
      undefined,
      {
        watch: () => {
          throw code(reasons.length === 0 ? 'ENOSPC' : 'EMFILE');
        },
        onPolled: (error) => reasons.push(error.message),
      },
    );
    assert.equal(reasons, ['ENOSPC: no watches left']);
  });

  test('replaces a watcher that fails later with polling', async () => {
    const reasons: string[] = [];
    const watched: FSWatcher[] = [];
    await watching(
      async (folder, changes) => {
        await eventually(() => assert.is(watched.length, 1));
        watched[0]?.emit('error', new Error('the watcher broke'));
        watched[0]?.close();
        writeFileSync(join(folder, 'a.yaml'), 'two');
        await changes(1);
      },
      undefined,
      {
        watch: (folder, listener) => {
          const watcher = watch(folder, listener);
          watched.push(watcher);
          return watcher;
        },
        onPolled: (error) => reasons.push(error.message),
      },
    );
    assert.equal(reasons, ['the watcher broke']);
  });
});
