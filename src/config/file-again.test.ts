import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { FatalError } from '../core/errors.ts';
import { suite } from '../testing/suite.ts';
import { withTemporaryFolder } from '../testing/temporary-folder.ts';
import { fileAgain, secretIn } from './file-again.ts';

suite('files read again', ({ test }) => {
  test('return the current value, or the previous one while unreadable', () =>
    withTemporaryFolder((folder) => {
      const file = join(folder, 'secret');
      const problems: string[] = [];
      const open = () => fileAgain('a.passwordFile', file, secretIn, (problem) => problems.push(problem));
      assert.throws(
        open,
        (thrown: unknown) => thrown instanceof FatalError && /^a\.passwordFile: .*secret: ENOENT/.test(thrown.message),
      );
      writeFileSync(file, 'one\r\n');
      const read = open();
      assert.is(read(), 'one');
      writeFileSync(file, '  two \n\n');
      assert.is(read(), '  two ', 'blanks are a part of it');
      writeFileSync(file, '\n');
      assert.is(read(), '  two ');
      rmSync(file);
      assert.is(read(), '  two ');
      assert.is(problems.length, 2);
      assert.match(problems[0] ?? '', /a\.passwordFile: .*the file is empty/);
      assert.match(problems[1] ?? '', /ENOENT/);
    }));
});
