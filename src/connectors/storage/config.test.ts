import * as assert from 'uvu/assert';
import type { ConfigIssue } from '../../config/config-error.ts';
import { parse } from '../../config/parse.ts';
import { suite } from '../../testing/suite.ts';
import { MAX_KEY_BYTES } from './batch-key.ts';
import { bucketSchema, MAX_PREFIX_BYTES } from './config.ts';
import { objectName } from './sink.ts';

function problems(prefix: string): string[] {
  const issues: ConfigIssue[] = [];
  parse(bucketSchema, { name: 'b', prefix }, issues);
  return issues.map(({ path, problem }) => `${path}: ${problem}`);
}

suite('the configuration of a bucket', ({ test }) => {
  test('the longest prefix leaves room for the longest batch key and the name', () => {
    const longest = 'p'.repeat(MAX_PREFIX_BYTES);
    assert.equal(problems(longest), []);
    const name = objectName(longest, 'k'.repeat(MAX_KEY_BYTES), 'f'.repeat(64), `-${'f'.repeat(16)}`);
    assert.ok(Buffer.byteLength(name) <= 1024, `${Buffer.byteLength(name)}`);
  });

  test('a longer prefix is refused, counted in bytes', () => {
    for (const prefix of ['p'.repeat(1000), 'p'.repeat(MAX_PREFIX_BYTES + 1), 'é'.repeat(MAX_PREFIX_BYTES / 2 + 1)]) {
      assert.match(problems(prefix)[0] ?? '', /^prefix: expected at most \d+ bytes, got \d+.*1024/);
    }
  });

  test('refuses a prefix that is impossible or invisible', () => {
    for (const prefix of ['a\nb', 'a\rb', 'a\u202eb', '\ufeffa', '\ud800']) {
      assert.match(
        problems(prefix)[0] ?? '',
        /^prefix: expected text that UTF-8 can encode, without control/,
        JSON.stringify(prefix),
      );
    }
    for (const prefix of ['', 'raw/v1', '/raw/', 'größe/東京']) assert.equal(problems(prefix), []);
  });
});
