import { existsSync, globSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import * as assert from 'uvu/assert';
import type { ConfigIssue } from '../src/config/config-error.ts';
import { applyOverrides } from '../src/config/overrides.ts';
import { SERVICES } from '../src/services/services.ts';
import { EVENTS } from '../src/telemetry/events.ts';
import { suite } from '../src/testing/suite.ts';
import { eventsPage } from './events-reference.ts';
import { GUIDES, guideBlocks } from './guide-blocks.ts';
import { settingRows, settingsPage } from './settings-reference.ts';

const ROOT = join(import.meta.dirname, '..');
const PAGES = ['README.md', ...globSync(['docs/**/*.md', '.github/*.md'], { cwd: ROOT })];
/** Paths from the root, or from `src/` as the tables of docs/guarantees.md have them; `*` stands for anything. */
const PATH = /`((?:[\w-]+\/)+[\w.*-]+\.(?:ts|mjs|yaml))`/g;
/** A link to a section, of another page or of the same one. */
const SECTION_LINK = /\]\(([^)#:]*)#([^)]+)\)/g;
const LINK = /\]\(([^)#:]+)(?:#[^)]*)?\)/g;
/** A page that a comment names. */
const NAMED_PAGE = /\bdocs\/[\w/-]+\.md\b/g;
const RECORDS = globSync('docs/decisions/0*.md', { cwd: ROOT }).sort();
const RECORD =
  /^# (?<number>\d{4}): (?<title>.+)\n\n- Date: (?<date>\d{4}-\d\d-\d\d)\n- Status: (?:accepted|superseded by \d{4})\n\n## Context\n\n[^#]+\n## Decision\n\n[^#]+\n## Consequence\n\n[^#]+$/;
const SCRIPT = /\bnpm run (?:-s )?([a-z][\w:]*)/g;
const COMPARISON = 'docs/comparison.md';
/** A link of a cell, to an address defined at the end of the page or to a page of this project. */
const SOURCE = /\[[^\]]+\](?:\[[\w-]+\]|\([^)]+\))/;
/** The cells of the comparison that need no link; the page defines both words. */
const WITHOUT_SOURCE = ['not described', 'not applicable'];

/** True if one of the services has this setting. */
function isSetting(path: string): boolean {
  const segments = path.replaceAll(/<name>|\*/g, 'x').split('.');
  const value = { routes: { x: {} }, producers: { x: {} } };
  return Object.values(SERVICES).some(({ settings }) => {
    const issues: ConfigIssue[] = [];
    applyOverrides(value, settings.schema, { [`DATAFLOW_${segments.join('__')}`]: '' }, issues);
    return issues.length === 0;
  });
}

const read = (page: string) => readFileSync(join(ROOT, page), 'utf8');
/** Files that readers of the guides write. */
const WRITTEN = new Set(GUIDES.flatMap(guideBlocks).map((block) => ('path' in block ? block.path : '')));
const isThere = (path: string) => WRITTEN.has(path) || globSync([path, `src/${path}`], { cwd: ROOT }).length > 0;

/** The anchors that GitHub gives the headings of a page. */
function sectionsOf(page: string): string[] {
  const text = read(page).replaceAll(/^```[\s\S]*?^```$/gm, '');
  return Array.from(text.matchAll(/^#+ (.+)$/gm), ([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

interface Cell {
  readonly column: string;
  readonly row: string;
  readonly text: string;
}

/** The cells of all tables of a page, except headings and the first column, which names the row. */
function cellsOf(page: string): Cell[] {
  const cells: Cell[] = [];
  let columns: readonly string[] | undefined;
  for (const line of read(page).split('\n')) {
    const [row = '', ...texts] = line
      .split('|')
      .slice(1, -1)
      .map((text) => text.trim());
    if (!line.startsWith('|')) columns = undefined;
    else if (columns === undefined) columns = texts;
    else if (!row.startsWith('---')) {
      for (const [place, column] of columns.entries()) cells.push({ column, row, text: texts[place] ?? '' });
    }
  }
  return cells;
}

suite('the documentation', ({ test }) => {
  test('names files that exist', () => {
    const named = PAGES.flatMap((page) => Array.from(read(page).matchAll(PATH), ([, path = '']) => ({ page, path })));
    assert.ok(named.length > 50, `${named.length} paths are found`);
    // Pipelines of these names stand for those that a reader writes.
    const missing = named.filter(({ path }) => !/^pipelines\/(?:mine|home)\//.test(path) && !isThere(path));
    assert.equal(missing, []);
  });

  test('links to sections that exist', () => {
    const links = PAGES.flatMap((page) =>
      Array.from(read(page).matchAll(SECTION_LINK), ([, link = '', section = '']) => ({
        page,
        section,
        target: link === '' ? page : join(dirname(page), link),
      })),
    );
    assert.ok(links.length > 20, `${links.length} links are found`);
    assert.equal(
      links.filter(({ target, section }) => target.endsWith('.md') && !sectionsOf(target).includes(section)),
      [],
    );
  });

  test('links to pages that exist', () => {
    const links = PAGES.flatMap((page) =>
      Array.from(read(page).matchAll(LINK), ([, link = '']) => ({ page, path: join(dirname(page), link) })),
    );
    assert.ok(links.length > 10, `${links.length} links are found`);
    assert.equal(
      links.filter(({ path }) => !existsSync(join(ROOT, path))),
      [],
    );
  });

  test('names a source in each cell of the comparison, or says that there is none', () => {
    const cells = cellsOf(COMPARISON);
    assert.ok(cells.length > 150, `${cells.length} cells are found`);
    assert.equal(
      cells.filter(({ text }) => !SOURCE.test(text) && !WITHOUT_SOURCE.includes(text)),
      [],
    );
    for (const words of WITHOUT_SOURCE) assert.ok(read(COMPARISON).includes(`*${words}*`), `${words} is not defined`);
  });

  test('defines each source of the comparison once, and uses it', () => {
    const text = read(COMPARISON);
    const sources = Array.from(text.matchAll(/^\[([\w-]+)\]: (.+)$/gm), ([, key = '', address = '']) => ({
      key,
      address,
    }));
    assert.ok(sources.length > 80, `${sources.length} sources are found`);
    const defined = sources.map(({ key }) => key).sort();
    const used = new Set(Array.from(text.matchAll(/\]\[([\w-]+)\]/g), ([, key = '']) => key));
    assert.equal(defined, [...used].sort());
    assert.equal(
      sources.filter(({ address }) => !/^https:\/\/[\w.-]+\/\S+$/.test(address)),
      [],
    );
  });

  test('is named in comments by pages that exist', () => {
    const files = globSync(['{src,e2e,bench,deploy,pipelines}/**/*.{ts,mjs,yaml}'], { cwd: ROOT });
    const named = files.flatMap((file) => Array.from(read(file).matchAll(NAMED_PAGE), ([page]) => ({ file, page })));
    assert.ok(named.length > 0);
    assert.equal(
      named.filter(({ page }) => !existsSync(join(ROOT, page))),
      [],
    );
  });

  test('has decisions in one format, numbered by date and listed in the index', () => {
    assert.ok(RECORDS.length > 20, `${RECORDS.length} records are found`);
    const index = read('docs/decisions/README.md');
    let last = '';
    for (const [place, path] of RECORDS.entries()) {
      const { number = '', title = '', date = '' } = RECORD.exec(read(path))?.groups ?? {};
      assert.is(Number(number), place + 1, `${path}: number, date, status, context, decision and consequence`);
      assert.ok(basename(path).startsWith(`${number}-`), path);
      assert.ok(date >= last, `${path} is older than the record before it`);
      assert.ok(
        index.includes(`| [${number}](${basename(path)}) | ${title} | ${date} |\n`),
        `${path} is not in the index`,
      );
      last = date;
    }
    assert.is(index.match(/^\| \[/gm)?.length, RECORDS.length, 'the index names each record once');
  });

  test('names npm scripts that exist', () => {
    const { scripts }: { scripts: Record<string, string> } = JSON.parse(read('package.json'));
    const named = PAGES.flatMap((page) =>
      Array.from(read(page).matchAll(SCRIPT), ([, script = '']) => ({ page, script })),
    );
    assert.ok(named.length > 10, `${named.length} scripts are found`);
    assert.equal(
      named.filter(({ script }) => !(script in scripts)),
      [],
    );
  });

  test('names the major version of Node that the tests run on', () => {
    const { devDependencies }: { devDependencies: Record<string, string> } = JSON.parse(read('package.json'));
    assert.is(read('.nvmrc').trim(), devDependencies.node?.split('.')[0]);
  });

  test('keeps the word list of the spelling check in order', () => {
    const words = read('cspell-words.txt').trimEnd().split('\n');
    assert.equal(words, [...new Set(words)].sort());
  });

  test('has the settings reference generated from the schemas', () => {
    assert.is(read('docs/settings.md'), settingsPage(), 'npm run docs:settings writes it');
  });

  test('has the list of events generated from their source, and names none that is missing', () => {
    assert.is(read('docs/events.md'), eventsPage(), 'npm run docs:events writes it');
    const named = ['docs/runbook.md', 'docs/metrics.md'].flatMap((page) =>
      Array.from(
        read(page).matchAll(
          /`((?:mqtt|pubsub|dead_letter|service|routes|upload|insert|publish|cache|lookup)\.[a-z_]+)`/g,
        ),
        ([, name = '']) => name,
      ),
    );
    assert.ok(named.length > 15, `${named.length} events are found`);
    assert.equal(
      named.filter((name) => !(name in EVENTS)),
      [],
    );
  });

  test('describes each setting, with a valid example', () => {
    const rows = [...settingRows().values()].flat();
    assert.ok(rows.length > 150, `${rows.length} settings are found`);
    assert.equal(
      rows.filter(({ type, description, example }) => description === '' || (type !== 'group' && example === '')),
      [],
    );
    assert.equal(
      rows.filter(({ takesExample }) => !takesExample),
      [],
    );
  });

  test('names metrics that exist', () => {
    const [current = ''] = read('docs/metrics.md').split('\n## Old names\n');
    const known = new Set(Array.from(current.matchAll(/^\| `(dataflow_\w+)`/gm), ([, name]) => name));
    const named = PAGES.filter((page) => page !== 'docs/metrics.md').flatMap((page) =>
      Array.from(read(page).matchAll(/\bdataflow_\w+/g), ([name]) => ({ page, name })),
    );
    assert.ok(named.length > 20, `${named.length} metrics are found`);
    // A variable of the Go platform's.
    const isMetric = ({ name }: { name: string }) => name !== 'dataflow_name';
    assert.equal(
      named.filter((each) => isMetric(each) && !known.has(each.name)),
      [],
    );
  });

  test('maps the settings of the Go platform to settings that exist', () => {
    const rows = read('docs/moving-from-go.md').matchAll(/^\| [^|]+ \| ([^|]+) \|/gm);
    const named = Array.from(rows, ([, own = '']) => own)
      .flatMap((own) => Array.from(own.matchAll(/`([a-zA-Z]+(?:\.[\w<>*]+)+)(?::[^`]*)?`/g), ([, path = '']) => path))
      .filter((path) => !/\.(ts|md)$/.test(path));
    assert.ok(named.length > 40, `${named.length} settings are found`);
    assert.equal(
      named.filter((path) => !isSetting(path)),
      [],
    );
  });
});
