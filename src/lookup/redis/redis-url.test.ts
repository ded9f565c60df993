import * as assert from 'uvu/assert';
import { suite } from '../../testing/suite.ts';
import { parseRedisUrl } from './redis-url.ts';

suite('addresses of Redis', ({ test }) => {
  test('have hosts, credentials, a database, and TLS', () => {
    const h = [{ host: 'h' }];
    for (const [url, expected] of [
      ['redis://h', { isTls: false, hosts: h }],
      ['redis://h/', { isTls: false, hosts: h }],
      ['rediss://h:6380/2', { isTls: true, hosts: [{ host: 'h', port: 6380 }], db: 2 }],
      ['redis://:p%40ss@h', { isTls: false, hosts: h, password: 'p@ss' }],
      ['redis://user@h', { isTls: false, hosts: h, username: 'user' }],
      ['redis://u:a:b@c%2Fd@h', { isTls: false, hosts: h, username: 'u', password: 'a:b@c/d' }],
      ['redis://[::1]:7000', { isTls: false, hosts: [{ host: '::1', port: 7000 }] }],
      [
        'redis://a:1,b,c.example:3',
        { isTls: false, hosts: [{ host: 'a', port: 1 }, { host: 'b' }, { host: 'c.example', port: 3 }] },
      ],
    ] as const) {
      assert.equal(parseRedisUrl(url), expected, url);
    }
  });

  test('have no other form', () => {
    for (const url of [
      ...[
        '',
        'h:6379',
        'http://h',
        'redis://',
        'redis:///1',
        'redis://h:0',
        'redis://h:65536',
        'redis://h/x',
        'redis://a,,b',
      ],
      ...['redis://h?db=1', 'redis://h/1?family=6', 'redis://h:1:2', 'redis://u:a/b@h', 'redis://h h'],
    ]) {
      assert.is(parseRedisUrl(url), undefined, url);
    }
  });
});
