/**
 * `npm test` and `npm run test:faults`: runs each test file in its own process, and sums up the reports of their
 * suites.
 *
 *     npm test                          lint, types, import rules, then every test file at short size
 *     npm test -- <path or name> …      only these files, folders, or tests (part of a title is enough)
 *     npm run test:faults [-- …]        the files `*.faults.test.ts` at full size
 *
 * A file that exits without reporting a suite, or with a code other than 0, counts as a failure. The failed tests are
 * listed at the end. The last line is `N passed, N failed` (with `, N skipped` if tests were skipped).
 */
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { selectTests } from './select-tests.ts';
import { REPORT_PREFIX, type SuiteReport } from './suite.ts';

const ROOT = join(import.meta.dirname, '../..');
/** A file that hangs outside its tests, which have their own timeouts, is ended after this time without output. */
const SILENCE_MS = Number(process.env.TEST_FILE_SILENCE_MS ?? 10 * 60_000);
/** Time for such a file to close its resources before it is killed. */
const LEAVE_MS = 30_000;
const SLOWEST_SHOWN = 10;

const command = new Command('npm test --')
  .argument('[names...]', 'files, folders, or texts of titles; default: all')
  .option('--faults', 'only the files *.faults.test.ts, at full size', false)
  .option('--no-checks', 'leave out lint, types and import rules')
  .option('--jobs <n>', 'files at a time; default: one for each core, and one more at short size')
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .parse();
const options = command.opts<{ faults: boolean; checks: boolean; jobs?: string }>();
const positionals = command.args;
/** Most tests wait most of the time; at full size they need a whole core. */
const jobs = Number(options.jobs ?? process.env.TEST_JOBS ?? availableParallelism() + (options.faults ? 0 : 1));

/** Checks that run before the tests of a whole `npm test`. */
const CHECKS: readonly (readonly string[])[] = [
  ['biome', 'check', '.'],
  ['cspell', 'lint', '--no-progress', '--no-summary'],
  ['tsc', '--noEmit'],
  ['tsc', '--noEmit', '-p', 'src/http/page'],
  ['depcruise', 'src', 'e2e', 'bench', '--no-progress'],
];

interface FileResult {
  passed: number;
  failed: number;
  skipped: number;
}

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
  readonly seconds: number;
}

/** Runs a process to its end, and ends it when it is silent for too long. */
function runProcess(command: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<Ended> {
  return new Promise((resolve) => {
    const started = performance.now();
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env });
    let output = '';
    let killing: NodeJS.Timeout | undefined;
    const silence = setTimeout(() => {
      output += `\nended after ${SILENCE_MS} ms of silence\n`;
      child.kill('SIGTERM');
      killing = setTimeout(() => child.kill('SIGKILL'), LEAVE_MS);
    }, SILENCE_MS);
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => {
        output += chunk;
        if (killing === undefined) silence.refresh();
      });
    }
    child.once('error', (error) => {
      output += error.message;
    });
    child.once('close', (code, signal) => {
      clearTimeout(silence);
      clearTimeout(killing);
      resolve({ code, signal, output, seconds: (performance.now() - started) / 1_000 });
    });
  });
}

/** Adds up the reports of a file's suites; a file that failed outside its tests has one more failure. */
function resultOf(file: string, { code, signal, output }: Ended): { result: FileResult; problem: string } {
  const result: FileResult = { passed: 0, failed: 0, skipped: 0 };
  const reports = output
    .split('\n')
    .filter((line) => line.startsWith(REPORT_PREFIX))
    .map((line): SuiteReport => JSON.parse(line.slice(REPORT_PREFIX.length)));
  for (const report of reports) {
    result.passed += report.passed;
    result.failed += report.failed;
    result.skipped += report.skipped;
  }
  const ending = signal ?? `code ${code}`;
  if (reports.length === 0) {
    result.failed += 1;
    return { result, problem: `\n${file}: ended (${ending}) without reporting a suite\n` };
  }
  if (code !== 0 && result.failed === 0) {
    result.failed += 1;
    return { result, problem: `\n${file}: every test passed, but the process ended with ${ending}\n` };
  }
  return { result, problem: '' };
}

/** Lists the failed tests, each with the first line of the error. */
function failedTests(lines: readonly string[]): string[] {
  return lines.flatMap((line, index) => (/^ *FAIL +\S/.test(line) ? [line, `  ${lines[index + 1]}`] : []));
}

const seconds = (value: number) => `${value.toFixed(1)} s`;

async function runChecks(): Promise<void> {
  const bin = join(ROOT, 'node_modules/.bin');
  const results = await Promise.all(
    CHECKS.map(async ([name = '', ...args]) => {
      const ended = await runProcess(join(bin, name), args, process.env);
      console.log(`${ended.code === 0 ? 'ok  ' : 'FAIL'} ${[name, ...args].join(' ')} (${seconds(ended.seconds)})`);
      if (ended.code !== 0) console.log(ended.output);
      return ended.code === 0;
    }),
  );
  if (results.includes(false)) {
    console.log('\n0 passed, 1 failed');
    process.exit(1);
  }
}

const started = performance.now();
const selection = selectTests(positionals, { onlyFaults: options.faults });
if (selection === undefined) process.exit(1);
const { files, name } = selection;
if (positionals.length === 0 && !options.faults && options.checks) await runChecks();

const env = {
  ...process.env,
  METADATA_SERVER_DETECTION: 'none',
  TEST_SIZE: options.faults ? 'full' : (process.env.TEST_SIZE ?? 'short'),
  TEST_NAME: name,
  // Each file, and each service that it starts, is a process. Compiling the same modules again would take a third of
  // it.
  NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? join(ROOT, 'node_modules/.cache/compile'),
};
const total: FileResult = { passed: 0, failed: 0, skipped: 0 };
const times: { file: string; seconds: number }[] = [];
/** Printed again at the end, since CI may cut the output of a long run. */
const failures: string[] = [];
const queue = [...files];
const worker = async (): Promise<void> => {
  for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
    const ended = await runProcess(process.execPath, ['--disable-warning=ExperimentalWarning', file], env);
    const { result, problem } = resultOf(file, ended);
    times.push({ file, seconds: ended.seconds });
    total.passed += result.passed;
    total.failed += result.failed;
    total.skipped += result.skipped;
    const counted = `${result.passed} passed${result.failed > 0 ? `, ${result.failed} failed` : ''}`;
    const done = String(times.length).padStart(String(files.length).length);
    console.log(
      `[${done}/${files.length}] ${result.failed === 0 ? 'ok  ' : 'FAIL'} ${file} (${counted}, ${seconds(ended.seconds)})`,
    );
    const lines = (ended.output + problem).split('\n').filter((line) => !line.startsWith(REPORT_PREFIX));
    if (result.failed > 0) failures.push(file, ...failedTests(lines));
    if (result.failed > 0 || process.env.VERBOSE === '1') console.log(lines.join('\n'));
    else for (const line of lines) if (line.startsWith('  skipped: ')) console.log(line);
  }
};
await Promise.all(Array.from({ length: jobs }, worker));

if (times.length > SLOWEST_SHOWN) {
  console.log('\nslowest files:');
  const slowest = times.toSorted((one, other) => other.seconds - one.seconds).slice(0, SLOWEST_SHOWN);
  for (const { file, seconds: taken } of slowest) console.log(`${seconds(taken).padStart(9)}  ${file}`);
}
if (failures.length > 0) console.log(`\nfailed:\n${failures.map((line) => `  ${line}`).join('\n')}`);
if (name !== '' && total.passed + total.failed + total.skipped === 0) {
  console.error(`no test has "${name}" in its title`);
}
console.log(
  `\n${files.length} ${files.length === 1 ? 'file' : 'files'} in ${seconds((performance.now() - started) / 1_000)}`,
);
const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : '';
console.log(`${total.passed} passed, ${total.failed} failed${skipped}`);
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0;
