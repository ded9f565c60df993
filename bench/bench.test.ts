import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { startChild } from '../src/testing/child.ts';
import { suite } from '../src/testing/suite.ts';
import { withTemporaryFolder } from '../src/testing/temporary-folder.ts';

/** Runs a file of the bench, and expects it to exit immediately with code 2 and one line. */
async function refusal(file: string, ...args: string[]): Promise<string> {
  const child = await startChild(process.execPath, [join(import.meta.dirname, file), ...args]);
  assert.is(await child.exited, 2);
  assert.is(child.stdout, '');
  assert.is(child.output.trim().split('\n').length, 1, child.output);
  return child.output;
}

suite('commands of the bench', ({ test }) => {
  test('refuse bad options with code 2 before measuring', async () => {
    assert.match(await refusal('bench.ts', '--bogus'), "Unknown option '--bogus'");
    assert.match(
      await refusal('bench.ts', '--compare', 'no-file.json'),
      '--compare no-file.json: there is no such file',
    );
  });

  test('explain an unusable folder of profiles', async () => {
    assert.match(await refusal('top-frames.ts'), 'node bench/top-frames.ts <folder');
    assert.match(await refusal('top-frames.ts', 'no-folder'), 'no-folder: there is no such folder');
    assert.match(await refusal('top-frames.ts', import.meta.filename), 'expected a folder');
    await withTemporaryFolder(async (folder) => {
      assert.match(await refusal('top-frames.ts', folder), `${folder}: there are no .cpuprofile files in it`);
    });
  });
});
