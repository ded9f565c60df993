// Plain JavaScript, so that it runs where TypeScript does not: it says what to do there.
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  console.error(
    `Node ${process.versions.node} cannot run TypeScript as it is; Node 22.18 or newer can.\n` +
      'Run it as an npm script, which brings its own Node: npm run cli -- run pipelines/<name>',
  );
  process.exit(2);
}
await import('./main.ts');
