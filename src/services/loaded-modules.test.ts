import { spawnSync } from 'node:child_process';
import * as assert from 'uvu/assert';
import { suite } from '../testing/suite.ts';

const SERVICES = ['ingestion/ingestion', 'enrich/enrich', 'icestore/icestore', 'bigqueries/bigqueries'];

suite('modules of a service', ({ test }) => {
  test('exclude the high-level client of Pub/Sub, which takes 6 MB', () => {
    const program = `
      import { createRequire } from 'node:module';
      const require = createRequire(import.meta.url);
      for (const name of ${JSON.stringify(SERVICES)}) await import('${import.meta.dirname}/' + name + '.ts');
      console.log(Object.keys(require.cache).map((path) => /node_modules[\\\\/](@[^\\\\/]+[\\\\/][^\\\\/]+)/.exec(path)?.[1] ?? '').join(' '));
    `;
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
      encoding: 'utf8',
    });
    const loaded = new Set(stdout.trim().split(' '));
    assert.ok(loaded.has('@google-cloud/pubsub-api'), `${stdout}${stderr}`);
    assert.not.ok(loaded.has('@google-cloud/pubsub'));
    assert.not.ok(
      [...loaded].some((name) => /^@opentelemetry.(sdk|exporter)/.test(name)),
      'only tracing loads it',
    );
  });
});
