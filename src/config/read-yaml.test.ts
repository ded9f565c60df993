import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { suite } from '../testing/suite.ts';
import { withTemporaryFolder } from '../testing/temporary-folder.ts';
import type { ConfigIssue } from './config-error.ts';
import { readYaml } from './read-yaml.ts';

function read(text: string): Promise<{ value: unknown; problems: string[] }> {
  return withTemporaryFolder((folder) => {
    const file = join(folder, 'pipeline.yaml');
    writeFileSync(file, text);
    const issues: ConfigIssue[] = [];
    const value = readYaml(file, issues);
    return { value, problems: issues.map(({ problem }) => problem) };
  });
}

suite('read YAML', ({ test }) => {
  test('returns the value', async () => {
    assert.equal(await read('a: 1\nb: [x, true, null]\nc: { d: "7" }\n'), {
      value: { a: 1, b: ['x', true, null], c: { d: '7' } },
      problems: [],
    });
  });

  test('an alias to itself is an issue', async () => {
    for (const text of ['a: &a [*a]\n', 'a: &a { b: *a }\n', 'a: &a { b: { c: [*a] } }\n']) {
      const { value, problems } = await read(text);
      assert.is(value, undefined);
      assert.match(problems[0] ?? '', /alias .*refers to itself/);
    }
    assert.is((await read(`a: ${'['.repeat(50_000)}`)).value, undefined, 'nested too deep');
    assert.equal((await read('a: &a [1]\nb: [*a, *a]\n')).problems, []);
  });

  test('an error has its line', async () => {
    for (const [text, line] of [
      ['a: 1\nb: [1, 2\n', 3],
      ['a: 1\na: 2\n', 2],
      ['ok: 1\n\nkey: "open\n', 4],
      ['a:\n\t- b\n', 2],
    ] as const) {
      const { value, problems } = await read(text);
      assert.is(value, undefined);
      assert.ok(problems.length > 0, text);
      assert.match(problems[0] ?? '', `line ${line}`);
      assert.not.match(problems[0] ?? '', '\n');
    }
  });

  test('reports a file that cannot be read', () => {
    const issues: ConfigIssue[] = [];
    assert.is(readYaml('/no/such/file.yaml', issues), undefined);
    assert.match(issues[0]?.problem ?? '', /^cannot be read: .*ENOENT/);
    assert.is(issues.length, 1);
  });

  test('reports an alias without an anchor', async () => {
    const { value, problems } = await read('topic: *everything\n');
    assert.is(value, undefined);
    assert.match(problems.join(), /alias.*everything/);
  });

  test('refuses an alias bomb', async () => {
    const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x]'];
    for (let level = 1; level < 9; level += 1)
      lines.push(
        `a${level}: &a${level} [${Array(9)
          .fill(`*a${level - 1}`)
          .join(', ')}]`,
      );
    const { value, problems } = await read(`${lines.join('\n')}\n`);
    assert.is(value, undefined);
    assert.match(problems[0] ?? '', /alias/i);
  });
});
