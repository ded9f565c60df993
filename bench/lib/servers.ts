/**
 * Servers in their own process: `node bench/lib/servers.ts pubsub,firestore`. Prints one line of JSON, the environment
 * by which clients find them, and runs until SIGTERM.
 */
import { type SandboxPart, startSandbox } from '../../src/sandbox/sandbox.ts';

const PARTS: readonly SandboxPart[] = ['mqtt', 'pubsub', 'firestore', 'storage', 'bigquery', 'redis'];
const asked = (process.argv[2] ?? '').split(',');
const sandbox = await startSandbox({ parts: PARTS.filter((part) => asked.includes(part)), control: true });
if (sandbox.missing.length > 0) throw new Error(sandbox.missing.join(', '));
console.log(JSON.stringify(sandbox.env));
process.once('SIGTERM', () => sandbox.close().then(() => process.exit(0)));
