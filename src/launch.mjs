// Plain JavaScript, so that it runs where TypeScript does not: it says what to do there.
import module from 'node:module';
import { join } from 'node:path';
import { missingNodeOptions } from './node-options.mjs';

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  console.error(
    `Node ${process.versions.node} cannot run TypeScript as it is; Node 22.18 or newer can.\n` +
      'Run it as an npm script, which brings its own Node: npm run cli -- run pipelines/<name>',
  );
  process.exit(2);
}

// The same process goes on with the options that a service needs: one id for signals, and no parent that takes memory.
// What is compiled under other options is of no use to it.
const missing = ['run', 'compile'].includes(process.argv[2]) ? missingNodeOptions() : [];
if (missing.length > 0 && process.platform !== 'win32') {
  process.execve?.(
    process.execPath,
    [process.execPath, ...process.execArgv, ...missing, ...process.argv.slice(1)],
    process.env,
  );
}

// What Node finds there it neither compiles again nor strips of types; stripping takes 18 MB. Not where others may write.
module.enableCompileCache(
  process.env.NODE_COMPILE_CACHE ?? join(import.meta.dirname, '../node_modules/.cache/compile'),
);
await import('./main.ts');
