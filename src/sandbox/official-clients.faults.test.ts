import { join } from 'node:path';
import { type ForeignTests, goTests, pythonTests } from '../testing/foreign-tests.ts';
import { isFullSize } from '../testing/size.ts';
import { suite } from '../testing/suite.ts';
import { type Sandbox, startSandbox } from './sandbox.ts';

/** Compiling Google's Go clients takes minutes the first time. */
const TIMEOUT_MS = 20 * 60_000;

/** Runs the tests in the folder of another language's Google clients, each on the same sandbox. */
function clientsContract(language: string, findTests: () => ForeignTests): void {
  suite(`Google's ${language} clients on the sandbox`, (it) => {
    if (!isFullSize) return;
    const { names, missing, run } = findTests();
    if (missing !== undefined) return it.leaveOut('all', missing);
    let sandbox: Sandbox;
    it.before(async () => {
      sandbox = await startSandbox({ parts: ['pubsub', 'firestore', 'storage', 'bigquery'], control: true });
    });
    it.after(() => sandbox.close());
    for (const name of names) it.long(name, () => run(name, sandbox.env), TIMEOUT_MS);
  });
}

clientsContract('Go', () => goTests(join(import.meta.dirname, 'clients-go')));
clientsContract('Python', () => pythonTests(join(import.meta.dirname, 'clients-python')));
