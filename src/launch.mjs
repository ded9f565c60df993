// Plain JavaScript, so that it also runs where TypeScript does not, and can explain what to do.
import module from 'node:module';
import { join } from 'node:path';
import { ALLOCATOR_ENV, missingNodeOptions } from './node-options.mjs';

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  console.error(
    `Node ${process.versions.node} cannot run TypeScript directly; Node 22.18 or newer can.\n` +
      'Run it as an npm script, which brings its own Node: npm run cli -- run pipelines/<name>',
  );
  process.exit(2);
}

// Restarts in the same process with the options and variables that a service needs: signals keep their process id, and
// no parent takes memory. Code compiled under other options would be useless to it.
const missing = ['run', 'compile'].includes(process.argv[2]) ? missingNodeOptions() : [];
if (missing.length > 0 && process.platform !== 'win32') {
  process.execve?.(process.execPath, [process.execPath, ...process.execArgv, ...missing, ...process.argv.slice(1)], {
    ...ALLOCATOR_ENV,
    ...process.env,
  });
}

// With cached code, Node neither compiles nor strips types; stripping takes 18 MB. Never in a folder that others can
// write.
module.enableCompileCache(
  process.env.NODE_COMPILE_CACHE ?? join(import.meta.dirname, '../node_modules/.cache/compile'),
);
await import('./main.ts');
