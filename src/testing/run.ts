/**
 * Runs test files, each in a process of its own, two at a time, and sums up what their suites report.
 *
 *     node src/testing/run.ts [--serial] <folder or file> …
 *
 * A file that exits without reporting a suite, or that exits with a code other than 0, counts as a failure.
 * The last line is `N passed, N failed` (with `, N skipped` where tests were left out).
 */
import { spawn } from 'node:child_process';
import { globSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { REPORT_PREFIX, type SuiteReport } from './suite.ts';

/** Against a file that hangs outside of its tests, which have limits of their own: so long without a word, as after each test. */
const SILENCE_MS = Number(process.env.TEST_FILE_SILENCE_MS ?? 10 * 60_000);
/** For such a file to tear down what it has started, before it is killed itself. */
const LEAVE_MS = 30_000;

const serial = process.argv.includes('--serial');
const roots = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
const files = roots
  .flatMap((root) => (statSync(root).isDirectory() ? globSync(`${root}/**/*.test.ts`) : [root]))
  .sort();
if (files.length === 0) {
  console.error(`no test files under ${roots.join(', ') || '(nothing was named)'}`);
  process.exit(1);
}

interface FileResult {
  passed: number;
  failed: number;
  skipped: number;
}

function runFile(file: string): Promise<FileResult> {
  return new Promise((resolve) => {
    const started = performance.now();
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', file], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, METADATA_SERVER_DETECTION: 'none' },
    });
    let output = '';
    let killing: NodeJS.Timeout | undefined;
    const silence = setTimeout(() => {
      output += `\n${file}: ended after ${SILENCE_MS} ms of silence\n`;
      child.kill('SIGTERM');
      killing = setTimeout(() => child.kill('SIGKILL'), LEAVE_MS);
    }, SILENCE_MS);
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => {
        output += chunk;
        if (killing === undefined) silence.refresh();
      });
    }
    child.once('close', (code, signal) => {
      clearTimeout(silence);
      clearTimeout(killing);
      const reports = output
        .split('\n')
        .filter((line) => line.startsWith(REPORT_PREFIX))
        .map((line): SuiteReport => JSON.parse(line.slice(REPORT_PREFIX.length)));
      const result: FileResult = { passed: 0, failed: 0, skipped: 0 };
      for (const report of reports) {
        result.passed += report.passed;
        result.failed += report.failed;
        result.skipped += report.skipped;
      }
      if (reports.length === 0) {
        result.failed += 1;
        output += `\n${file}: ended (${signal ?? `code ${code}`}) without reporting a suite\n`;
      } else if (code !== 0 && result.failed === 0) {
        result.failed += 1;
        output += `\n${file}: every test passed, but the process ended with ${signal ?? `code ${code}`}\n`;
      }
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      console.log(`${result.failed === 0 ? 'ok  ' : 'FAIL'} ${file} (${result.passed} passed, ${seconds} s)`);
      const text = output
        .split('\n')
        .filter((line) => !line.startsWith(REPORT_PREFIX))
        .join('\n');
      if (result.failed > 0 || process.env.VERBOSE === '1') console.log(text);
      else for (const line of text.split('\n')) if (line.startsWith('  skipped: ')) console.log(line);
      resolve(result);
    });
  });
}

const total: FileResult = { passed: 0, failed: 0, skipped: 0 };
const queue = [...files];
await Promise.all(
  Array.from({ length: serial ? 1 : Math.min(2, availableParallelism()) }, async () => {
    for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
      const result = await runFile(file);
      total.passed += result.passed;
      total.failed += result.failed;
      total.skipped += result.skipped;
    }
  }),
);
const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : '';
console.log(`\n${total.passed} passed, ${total.failed} failed${skipped}`);
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0;
