import { spawnSync } from 'node:child_process';
import * as assert from 'uvu/assert';
import { suite } from '../testing/suite.ts';

/** Clients of other services, and of commands; and tracing, which only a collector's address loads. */
const NEVER = ['@google-cloud/pubsub', '@google-cloud/pubsub-api', '@opentelemetry/sdk-trace'];
const UNUSED: Readonly<Record<string, readonly string[]>> = {
  ingestion: [...NEVER, 'google-gax', '@google-cloud/storage', '@google-cloud/bigquery', '@google-cloud/firestore'],
  enrich: [...NEVER, '@google-cloud/storage', '@google-cloud/bigquery'],
  icestore: [...NEVER, 'google-gax', '@google-cloud/bigquery', '@google-cloud/firestore'],
  bigqueries: [...NEVER, 'google-gax', '@google-cloud/storage', '@google-cloud/firestore'],
};

suite('modules of a service', ({ test }) => {
  for (const [service, unused] of Object.entries(UNUSED)) {
    test(`${service} loads no client that it does not use: Pub/Sub's generated one takes 30 MB`, () => {
      const program = `
        import { registerHooks } from 'node:module';
        const names = new Set();
        registerHooks({
          load(url, context, next) {
            names.add(/node_modules\\/((?:@[^/]+\\/)?[^/]+)\\/(?!.*node_modules)/.exec(url)?.[1]);
            return next(url, context);
          },
        });
        await import('${import.meta.dirname}/${service}/${service}.ts');
        console.log([...names].join(' '));
      `;
      const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
        encoding: 'utf8',
      });
      const loaded = new Set(stdout.trim().split(' '));
      assert.ok(loaded.has('@grpc/grpc-js'), `${stdout}${stderr}`);
      assert.equal(
        unused.filter((name) => loaded.has(name)),
        [],
      );
    });
  }
});
