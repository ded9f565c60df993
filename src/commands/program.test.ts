import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Command, CommanderError } from 'commander';
import * as assert from 'uvu/assert';
import { runCli } from '../testing/cli.ts';
import { suite } from '../testing/suite.ts';
import { createProgram } from './program.ts';

const ROOT = join(import.meta.dirname, '../..');
/** Commands that print no data, but a log, or variables for a shell. */
const WITHOUT_JSON: ReadonlySet<string> = new Set(['run', 'sandbox', 'up']);

interface Leaf {
  readonly path: string;
  readonly command: Command;
}

/** The commands that do something, with their parents' names. */
function leaves(command: Command, above: readonly string[] = []): Leaf[] {
  const path = [...above, command.name()];
  if (command.commands.length > 0) return visible(command).flatMap((each) => leaves(each, path));
  return [{ path: path.slice(1).join(' '), command }];
}

/** Those that help lists, but for help itself. */
const visible = (command: Command): readonly Command[] =>
  command
    .createHelp()
    .visibleCommands(command)
    .filter((each) => each.name() !== 'help');

/** A program whose commands do nothing, and what it prints. */
function quiet() {
  const program = createProgram();
  let output = '';
  const write = (text: string) => {
    output += text;
  };
  const all = (command: Command): Command[] => [command, ...command.commands.flatMap(all)];
  for (const command of all(program)) {
    command.exitOverride().configureOutput({ writeOut: write, writeErr: write });
    if (command.commands.length === 0) command.action(() => {});
  }
  return {
    program,
    /** The exit code of arguments, and the output. */
    parse: async (words: readonly string[]): Promise<{ code: number; output: string }> => {
      output = '';
      try {
        await program.parseAsync(words, { from: 'user' });
        return { code: 0, output };
      } catch (thrown) {
        if (!(thrown instanceof CommanderError)) throw thrown;
        return { code: thrown.exitCode, output };
      }
    },
  };
}

/** The words of an example, as a shell splits it. */
const wordsOf = (line: string): string[] =>
  Array.from(line.matchAll(/'([^']*)'|(\S+)/g), ([, quoted, plain]) => quoted ?? plain ?? '');

const LEAVES = leaves(createProgram());

suite('every command', ({ test }) => {
  test('is found', () => {
    assert.ok(LEAVES.length >= 16, LEAVES.map(({ path }) => path).join(', '));
  });

  for (const { path, command } of LEAVES) {
    test(`${path}: help with words for each option, and examples that are accepted`, async () => {
      const { output, code, examples } = await helpOf(path);
      assert.is(code, 0);
      assert.match(output, `Usage: dataflow ${path}`);
      assert.match(command.description(), /^[a-z]/);
      for (const { long, description } of command.options) assert.ok(description, `${long} has no description`);
      assert.ok(examples.length > 0, `${path} has no example`);
      for (const example of examples) {
        const parsed = await quiet().parse(wordsOf(example));
        assert.is(parsed.code, 0, `${example}\n${parsed.output}`);
      }
    });

    test(`${path}: suggests what was probably meant`, async () => {
      const words = path.split(' ');
      const last = words.at(-1) ?? '';
      const misspelt = await quiet().parse([...words.slice(0, -1), swapped(last)]);
      assert.match(misspelt.output, `Did you mean ${last}?`);
      // Commander misses a mandatory option first.
      const option = command.options.find(({ mandatory, long }) => !mandatory && long);
      if (!option?.long) return;
      const [example = ''] = (await helpOf(path)).examples;
      const wrong = await quiet().parse([...wordsOf(example), `--${swapped(option.long.slice(2))}`]);
      assert.match(wrong.output, new RegExp(`Did you mean (?:one of )?.*${option.long}`));
    });

    test(`${path}: prints JSON if it prints data`, () => {
      assert.is(
        command.options.some(({ long }) => long === '--json'),
        !WITHOUT_JSON.has(path),
      );
    });
  }

  test('is in the table of the README, and the other way round', () => {
    const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
    const table = readme.slice(readme.indexOf('\n## Commands\n'), readme.indexOf('\n## A pipeline of your own'));
    const named = new Set(
      Array.from(table.matchAll(/^\| (.+?) \| /gm), ([, cell = '']) => cell.replaceAll('\\|', '/')).flatMap(commandsIn),
    );
    const known = new Set(LEAVES.map(({ path }) => path));
    // It has a section of its own.
    known.delete('demo');
    assert.equal(
      [...named].filter((path) => !known.has(path)),
      [],
      'in the README, and not in the program',
    );
    assert.equal(
      [...known].filter((path) => !named.has(path)),
      [],
      'in the program, and not in the README',
    );
    assert.match(readme, 'npm run demo');
  });

  test('is refused with code 2 if it does not exist; the version is that of the package', async () => {
    const [unknown, version] = await Promise.all([runCli([swapped('provision')]), runCli(['--version'])]);
    assert.is(unknown.code, 2);
    assert.match(unknown.output, 'Did you mean provision?');
    const { version: expected }: { version: string } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    assert.equal([version.code, version.stdout.trim()], [0, expected]);
  });
});

/** A name with two letters in the wrong order. */
function swapped(name: string): string {
  let middle = Math.floor(name.length / 2);
  while (name[middle] === name[middle - 1]) middle += 1;
  return `${name.slice(0, middle - 1)}${name[middle]}${name[middle - 1]}${name.slice(middle + 1)}`;
}

/** The help of a command, and the examples in it. */
async function helpOf(path: string) {
  const { output, code } = await quiet().parse([...path.split(' '), '--help']);
  return { output, code, examples: output.split('\n').filter((line) => line.startsWith(`  ${path} `)) };
}

/** The commands in a cell such as `npm run cli -- provision <pipelines…>`, `teardown <pipelines…>`. */
function commandsIn(cell: string): string[] {
  const spans = Array.from(cell.matchAll(/`([^`]+)`/g), ([, span = '']) => span);
  if (spans[0]?.startsWith('npm run sandbox')) return ['sandbox'];
  if (spans[0]?.startsWith('npm run cli -- ') !== true) return [];
  return spans.flatMap((span) => {
    const [name = '', second = ''] = span.replace('npm run cli -- ', '').split(' ');
    return second.includes('/') && !second.includes('<') && !second.startsWith('pipelines')
      ? second.split('/').map((sub) => `${name} ${sub}`)
      : [name];
  });
}
