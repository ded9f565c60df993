import { suite as uvuSuite } from 'uvu';
import { assertMayDifferBySize, isFullSize } from './size.ts';

/** A test suite as `suite()` passes it to its body: uvu's own, without `run`, which is easily forgotten. */
export interface Suite {
  /** Registers a test; an optional timeout (ms) fails it instead of hanging the file. */
  test(name: string, body: () => unknown | Promise<unknown>, timeoutMs?: number): void;
  /** Registers a test that only `npm run test:faults` runs, in a file named `*.faults.test.ts`. */
  long(name: string, body: () => unknown | Promise<unknown>, timeoutMs?: number): void;
  /** Registers a skipped test, with the reason printed. In CI it fails, because nothing may be skipped there. */
  skip(name: string, reason: string): void;
  /**
   * Registers a test that is skipped even in CI, with the reason printed: one that needs more than Node, npm and
   * Debian.
   */
  leaveOut(name: string, reason: string): void;
  before(hook: () => unknown | Promise<unknown>): void;
  after(hook: () => unknown | Promise<unknown>): void;
  beforeEach(hook: () => unknown | Promise<unknown>): void;
  afterEach(hook: () => unknown | Promise<unknown>): void;
}

/** Limit for hung tests, on a machine that is several times slower than usual. */
const DEFAULT_TIMEOUT_MS = 180_000;
const HOOK_TIMEOUT_MS = 120_000;
/** After the last test: time for `after` hooks and their cleanup. */
const LINGER_MS = HOOK_TIMEOUT_MS + 30_000;

/** Tests of this process that have not ended yet. */
let unfinished = 0;

/** A process kept alive by an open resource of a test would block the whole run: it reports that, and ends. */
function finishedOne(): void {
  unfinished -= 1;
  if (unfinished > 0) return;
  setTimeout(() => {
    console.error(`still open ${LINGER_MS} ms after the last test: ${process.getActiveResourcesInfo().join(', ')}`);
    process.exit(1);
  }, LINGER_MS).unref();
}

/**
 * A signal alone would end the process without its `exit` listeners, which kill child processes. A test with more
 * cleanup also listens to the signal, and ends the process itself.
 */
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    if (process.listenerCount(signal) === 0) process.exit(1);
  });
}

/** The report of a test file to the runner, one line per suite on its standard output. */
export interface SuiteReport {
  suite: string;
  passed: number;
  failed: number;
  skipped: number;
}

export const REPORT_PREFIX = '##suite ';

/** Runs only tests whose title, prefixed with the suite's, contains this text; set by the runner. */
const ONLY = process.env.TEST_NAME ?? '';

async function withTimeout(name: string, timeoutMs: number, body: () => unknown | Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const expired = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`"${name}" did not finish within ${timeoutMs} ms`)), timeoutMs);
  });
  try {
    await Promise.race([Promise.resolve().then(body), expired]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Defines a uvu suite and runs it: the body registers tests and hooks, `run` is called for it.
 *
 * Avoids two traps of uvu 0.5: a hook that throws, and a suite that never ran, both exit with code 0 there. Here a hook
 * that throws fails the file, and the runner fails a file that reports no suite.
 */
export function suite(name: string, define: (it: Suite) => void): void {
  const inner = uvuSuite(name);
  const report: SuiteReport = { suite: name, passed: 0, failed: 0, skipped: 0 };
  let registered = 0;

  const guarded = (kind: string, hook: () => unknown | Promise<unknown>) => async () => {
    try {
      await withTimeout(`${name}: ${kind}`, HOOK_TIMEOUT_MS, hook);
    } catch (error) {
      report.failed += 1;
      process.exitCode = 1;
      console.error(`${name}: the "${kind}" hook failed`, error);
      throw error;
    }
  };

  const isSelected = (title: string) => `${name}: ${title}`.includes(ONLY);

  const it: Suite = {
    test(title, body, timeoutMs = DEFAULT_TIMEOUT_MS) {
      if (!isSelected(title)) return;
      registered += 1;
      unfinished += 1;
      inner(title, async () => {
        try {
          await withTimeout(title, timeoutMs, body);
          report.passed += 1;
        } catch (error) {
          report.failed += 1;
          process.exitCode = 1;
          throw error;
        } finally {
          finishedOne();
        }
      });
    },
    long(title, body, timeoutMs) {
      assertMayDifferBySize();
      if (isFullSize) it.test(title, body, timeoutMs);
    },
    skip(title, reason) {
      if (process.env.CI !== 'true') {
        it.leaveOut(title, reason);
        return;
      }
      if (!isSelected(title)) return;
      registered += 1;
      inner(title, () => {
        report.failed += 1;
        process.exitCode = 1;
        throw new Error(`left out in CI, where everything must run: ${reason}`);
      });
    },
    leaveOut(title, reason) {
      if (!isSelected(title)) return;
      registered += 1;
      report.skipped += 1;
      console.log(`  skipped: ${name}: ${title} (${reason})`);
    },
    before: (hook) => inner.before(() => (registered === 0 ? undefined : guarded('before', hook)())),
    after: (hook) => inner.after(() => (registered === 0 ? undefined : guarded('after', hook)())),
    beforeEach: (hook) => inner.before.each(guarded('before each', hook)),
    afterEach: (hook) => inner.after.each(guarded('after each', hook)),
  };
  define(it);

  process.once('exit', () => {
    const missing = registered - report.passed - report.failed - report.skipped;
    if (missing > 0) {
      report.failed += missing;
      process.exitCode = 1;
      console.error(`${name}: ${missing} of ${registered} tests did not run`);
    }
    process.stdout.write(`\n${REPORT_PREFIX}${JSON.stringify(report)}\n`);
  });
  inner.run();
}
