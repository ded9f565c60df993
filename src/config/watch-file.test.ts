import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { firstValueFrom, timeout } from 'rxjs';
import * as assert from 'uvu/assert';
import { eventually } from '../testing/eventually.ts';
import { suite } from '../testing/suite.ts';
import { withTemporaryFolder } from '../testing/temporary-folder.ts';
import { watchFile } from './watch-file.ts';

/** Longer than the watcher waits for quiet. */
const QUIET_MS = 300;

/** Watches `name` in a folder that `prepare` has filled, and tells how often it has changed. */
async function watching(
  body: (folder: string, changes: (expected: number) => Promise<void>) => Promise<void>,
  prepare = (folder: string) => writeFileSync(join(folder, 'a.yaml'), 'one'),
): Promise<void> {
  await withTemporaryFolder(async (folder) => {
    prepare(folder);
    let count = 0;
    const subscription = watchFile(join(folder, 'a.yaml')).subscribe(() => {
      count += 1;
    });
    try {
      await body(folder, async (expected) => {
        await eventually(() => assert.ok(count >= expected, `${count} changes`));
        await sleep(QUIET_MS);
        assert.is(count, expected);
      });
    } finally {
      subscription.unsubscribe();
    }
  });
}

suite('watch file', ({ test }) => {
  test('tells a change of content once, however many steps it takes', () =>
    watching(async (folder, changes) => {
      for (const text of ['t', 'tw', 'two']) {
        writeFileSync(join(folder, 'a.yaml'), text);
        await setImmediate();
      }
      await changes(1);
      writeFileSync(join(folder, 'a.yaml'), 'three');
      await changes(2);
    }));

  test('tells a file that was replaced by renaming, again and again', () =>
    watching(async (folder, changes) => {
      for (const [index, text] of ['two', 'three'].entries()) {
        writeFileSync(join(folder, 'a.tmp'), text);
        renameSync(join(folder, 'a.tmp'), join(folder, 'a.yaml'));
        await changes(index + 1);
      }
    }));

  test('tells a link whose target was switched, as Kubernetes does it', () =>
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

  test('is silent about other files, and about the same content written again', () =>
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
});
