/**
 * Runs the `sh` blocks of README.md and of docs/guides/, so that what they say works. The words behind ```sh, and comments
 * behind a command, say what is not run, and why:
 *
 * - ```sh long (or docker, gcloud, example): the block is left out.
 * - `npm ci   # long: …` (or docker:, gcloud:, example:): the line is left out. An example names what a reader has, and
 *   a test has not.
 * - ```sh terminal-1: the block runs in a terminal of this name, and what ran there before is ended with Ctrl-C. Once it
 *   is ready, its `export` lines are pasted into the terminal of the other blocks, which keeps its variables.
 *
 * If the first line of a block is a comment with a path, writes the block to that path unless the file exists.
 */
import { cpSync, existsSync, globSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import * as assert from 'uvu/assert';
import { type Child, startChild } from '../src/testing/child.ts';
import { eventually } from '../src/testing/eventually.ts';
import { findMosquitto } from '../src/testing/mosquitto.ts';
import { hasRedis } from '../src/testing/redis-server.ts';
import { type Scope, testScope } from '../src/testing/scope.ts';
import { suite } from '../src/testing/suite.ts';
import { withTemporaryFolder } from '../src/testing/temporary-folder.ts';

const ROOT = join(import.meta.dirname, '..');
const PAGES = ['README.md', ...globSync('docs/guides/*.md', { cwd: ROOT }).sort()];
const NOT_COPIED = new Set(['node_modules', '.git', 'dist', 'coverage']);

const BLOCK = /^```(\w+)(?: +(\S[^\n]*))?\n([\s\S]*?)^```$/gm;
const REASONS = ['long', 'docker', 'gcloud', 'example'];
const LEFT_OUT_LINE = new RegExp(`#\\s*(?:${REASONS.join('|')}):`);
const PATH_COMMENT = /^(?:#|\/\/) ((?:[\w.-]+\/)+[\w.-]+)$/;
/** The last line of a command that keeps running. */
const READY = /Ctrl-C stops|service\.ready/;
const BLOCK_TIMEOUT_MS = 180_000;
/** Commands that are retried, because a message may still be on its way. */
const LOOKS = /\blook (?:rows|archive)\b/;

interface Block {
  readonly line: number;
  /** `sh`, `ts`, `yaml` … */
  readonly language: string;
  /** The words behind the language. */
  readonly mark: string;
  readonly code: string;
}

function blocksOf(text: string): Block[] {
  return Array.from(text.matchAll(BLOCK), ({ index, 1: language = '', 2: mark = '', 3: code = '' }) => ({
    line: text.slice(0, index).split('\n').length + 1,
    language,
    mark,
    code,
  }));
}

/** A page's blocks, run as a reader does who works through it, in a copy of the project. */
class Reader {
  readonly #folder: string;
  readonly #scope: Scope;
  readonly #terminals = new Map<string, Child>();
  /** Variables of the terminal, as a script that sets them. */
  #variables = '';
  /** The output of the blocks. */
  output = '';

  constructor(folder: string, scope: Scope) {
    this.#folder = folder;
    this.#scope = scope;
  }

  async read(page: string, text: string): Promise<void> {
    for (const block of blocksOf(text)) {
      const place = `${page}:${block.line}`;
      if (block.language !== 'sh') this.#write(block);
      else if (REASONS.includes(block.mark)) continue;
      else if (block.mark === '') await this.#run(place, commandsOf(block));
      else if (/^terminal-\d+$/.test(block.mark)) await this.#start(place, block.mark, commandsOf(block));
      else assert.unreachable(`${place}: "sh ${block.mark}" is neither ${REASONS.join(', ')} nor terminal-1`);
    }
    for (const name of [...this.#terminals.keys()]) await this.#end(page, name);
  }

  #write({ code }: Block): void {
    const [first = '', ...rest] = code.split('\n');
    const [, path] = PATH_COMMENT.exec(first) ?? [];
    if (path === undefined || existsSync(join(this.#folder, path))) return;
    mkdirSync(dirname(join(this.#folder, path)), { recursive: true });
    writeFileSync(join(this.#folder, path), rest.join('\n'));
  }

  async #run(place: string, commands: string): Promise<void> {
    const once = async (): Promise<string> => {
      const child = await this.#shell(`${this.#variables}\nset -e\n${commands}\nexport -p > .variables\n`);
      const code = await within(BLOCK_TIMEOUT_MS, child, place);
      assert.is(code, 0, `${place} ended with ${code}:\n${commands}\n${child.output}`);
      return child.output;
    };
    const shown = async (): Promise<string> => {
      const output = await once();
      assert.not.match(output, /has no (rows|messages)|^no rows$/m, place);
      return output;
    };
    // Retries commands that look for a message; all others must work the first time.
    this.output += LOOKS.test(commands) ? await eventually(shown, { deadlineMs: 20_000, everyMs: 500 }) : await once();
    this.#variables = readFileSync(join(this.#folder, '.variables'), 'utf8');
  }

  async #start(place: string, name: string, commands: string): Promise<void> {
    await this.#end(place, name);
    // One pipe for both outputs keeps their order.
    const child = await this.#shell(`exec 2>&1\nexec ${commands.trim()}`);
    this.#terminals.set(name, child);
    const ended = child.exited.then(() => true);
    await eventually(
      async () => {
        if (READY.test(child.output)) return;
        if (await Promise.race([ended, Promise.resolve(false)])) return;
        throw new Error(`${place} is not ready:\n${child.output}`);
      },
      { deadlineMs: BLOCK_TIMEOUT_MS },
    );
    assert.match(child.output, READY, `${place}:\n${child.output}`);
    this.output += child.output;
    const exports = child.output.split('\n').filter((line) => line.startsWith('export '));
    this.#variables += `\n${exports.join('\n')}\n`;
  }

  /** Presses Ctrl-C, which every process of a terminal gets. */
  async #end(place: string, name: string): Promise<void> {
    const child = this.#terminals.get(name);
    if (child === undefined) return;
    this.#terminals.delete(name);
    process.kill(-child.pid, 'SIGINT');
    const code = await within(BLOCK_TIMEOUT_MS, child, place);
    // npm ends by the signal as well, once its command has ended.
    assert.ok(code === 0 || code === null, `${place}: ${name} ended with ${code} after Ctrl-C:\n${child.output}`);
    assert.not.match(child.output, /^ +at \S+ \(/m, `${place}: ${name} after Ctrl-C`);
  }

  /** Starts a shell in a process group of its own, as a terminal does. */
  async #shell(script: string): Promise<Child> {
    const child = await startChild('bash', ['-c', script], { cwd: this.#folder, group: true });
    this.#scope.defer(() => {
      try {
        process.kill(-child.pid, 'SIGKILL');
      } catch {
        // It has ended.
      }
    });
    return child;
  }
}

function commandsOf({ code }: Block): string {
  return code
    .split('\n')
    .filter((line) => !LEFT_OUT_LINE.test(line))
    .join('\n');
}

async function within(ms: number, child: Child, place: string): Promise<number | null> {
  const timer = Promise.withResolvers<never>();
  const timeout = setTimeout(() => timer.reject(new Error(`${place} has not ended:\n${child.output}`)), ms);
  try {
    return await Promise.race([child.exited, timer.promise]);
  } finally {
    clearTimeout(timeout);
  }
}

/** Runs a body with a copy of the project, whose dependencies are those of this one. */
function withCopy<T>(body: (folder: string) => Promise<T>): Promise<T> {
  return withTemporaryFolder(async (folder) => {
    cpSync(ROOT, folder, { recursive: true, filter: (path) => !NOT_COPIED.has(relative(ROOT, path)) });
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    return body(folder);
  });
}

suite('the commands of the documentation', (it) => {
  const { test, skip } = it;
  const scope = testScope(it);
  const read = (page: string, text: string) =>
    withCopy(async (folder) => {
      const reader = new Reader(folder, scope);
      await reader.read(page, text);
      return reader.output;
    });

  test('fail the test where they fail, unless they are marked', async () => {
    const page = (mark: string, line: string) => `\`\`\`sh${mark}\n${line}\n\`\`\`\n`;
    const problem = (text: string) =>
      read('page.md', text).then(
        () => undefined,
        (thrown: Error) => thrown.message,
      );
    assert.match((await problem(page('', 'true\nfalse\ntrue'))) ?? '', /^page\.md:2 ended with 1:/);
    assert.match((await problem(page(' slow', 'true'))) ?? '', /^page\.md:2: "sh slow" is neither long/);
    assert.match((await problem(page(' terminal-1', 'false'))) ?? '', /^page\.md:2/);
    const marked = REASONS.map((reason) => page(` ${reason}`, 'false') + page('', `false   # ${reason}: not here`));
    const kept = `${page('', 'export KEPT=1')}${page('', 'test "$KEPT" = 1')}`;
    const file = '```yaml\n# pipelines/new/pipeline.yaml\na: 1\n```\n';
    assert.is(
      await problem(marked.join('') + kept + file + page('', 'grep "^a: 1" pipelines/new/pipeline.yaml')),
      undefined,
    );
  });

  for (const page of PAGES) {
    const text = readFileSync(join(ROOT, page), 'utf8');
    if (!blocksOf(text).some(({ language }) => language === 'sh')) continue;
    const title = `of ${page} work`;
    if (findMosquitto() === undefined) skip(title, 'mosquitto is not installed');
    else if (!hasRedis) skip(title, 'redis-server is not installed');
    else {
      test(
        title,
        async () => {
          const output = await read(page, text);
          if (page !== 'docs/guides/first-message.md') return;
          for (const shown of [
            /^topic +home\/kitchen\/temperature\npayload +\{"temperature":21\.5\}\n/m,
            /^object +gs:\/\/archive-\S+\n/m,
            /^device_id +kitchen\ntemperature +21\.5\nbattery +90\nat +2026-11-29T10:00:00/m,
            /^object +gs:\/\/sandbox-home-archive\S+\n/m,
            /1 dead letter: undecodable 1/,
          ]) {
            assert.match(output, shown);
          }
        },
        10 * 60_000,
      );
    }
  }
});
