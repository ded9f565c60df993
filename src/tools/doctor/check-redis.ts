import { filter, firstValueFrom } from 'rxjs';
import { toError } from '../../core/errors.ts';
import { redisRole } from '../../lookup/chain.ts';
import type { LookupConfig } from '../../lookup/config.ts';
import { checkRedis } from '../../lookup/redis/check.ts';
import { createRedisClient, type RedisClient } from '../../lookup/redis/client.ts';
import { recordKey } from '../../lookup/redis/redis-records.ts';
import type { Check, Report } from './finding.ts';

type RedisConfig = NonNullable<LookupConfig['redis']>;

/** Checks Redis: a cache that may be skipped, or the registry that provides the data. */
export function redisCheck(config: RedisConfig, isCache: boolean): Check {
  const { keyPrefix } = redisRole(config, isCache);
  return {
    part: isCache ? 'redis (cache)' : 'redis (registry)',
    run: async (report) => {
      const client = createRedisClient(config);
      try {
        const { problem } = await firstValueFrom(
          client.state.pipe(filter(({ isReady, problem }) => isReady || problem !== undefined)),
        );
        if (problem !== undefined) {
          const so = isCache ? 'lookups continue without it' : 'nothing can be looked up';
          report(isCache ? 'warning' : 'error', `cannot be reached: ${problem}; ${so}`, 'check lookup.redis');
          return;
        }
        report('ok', 'can be reached (lookup.redis.url)');
        await reportServer(report, client, config, isCache);
        await reportRights(report, client, keyPrefix, isCache);
      } finally {
        client.disconnect();
      }
    },
  };
}

async function reportServer(report: Report, client: RedisClient, { cluster }: RedisConfig, isCache: boolean) {
  const info = await answer(client, 'INFO');
  if (info === undefined) {
    report('note', 'its mode and memory are not checked: INFO is denied');
    return;
  }
  const read = (name: string) => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1];
  const mode = read('redis_mode') ?? 'standalone';
  report('ok', `version ${read('redis_version')}, ${mode}`);
  if ((mode === 'cluster') !== cluster) {
    const what = `is ${mode === 'cluster' ? 'a cluster' : 'not a cluster'}, and lookup.redis.cluster is ${cluster}`;
    report('error', what, `set lookup.redis.cluster to ${!cluster}`);
  }
  if (read('role') === 'slave') {
    report('warning', 'is a replica: it takes no writes', 'name the primary in lookup.redis.url, or use sentinels');
  }
  const policy = read('maxmemory_policy') ?? 'unknown';
  const maximum = Number(read('maxmemory') ?? 0);
  const bounds = `maxmemory ${maximum === 0 ? 'is not set' : `is ${maximum} bytes`}, eviction policy ${policy}`;
  if (!isCache && policy !== 'noeviction') {
    report(
      'warning',
      `${bounds}: devices of the registry may be evicted`,
      'redis-cli CONFIG SET maxmemory-policy noeviction',
    );
  } else if (isCache && maximum === 0) {
    const remedy = 'redis-cli CONFIG SET maxmemory 1gb, and maxmemory-policy allkeys-lru';
    report('warning', `${bounds}: the cache grows until its keys expire`, remedy);
  } else if (isCache && policy === 'noeviction') {
    report(
      'warning',
      `${bounds}: when it is full it refuses writes`,
      'redis-cli CONFIG SET maxmemory-policy allkeys-lru',
    );
  } else report('ok', bounds);
}

/** Reports which commands the ACL of this user refuses, without running them. */
async function reportRights(report: Report, client: RedisClient, keyPrefix: string, isCache: boolean): Promise<void> {
  try {
    await checkRedis({ client, keyPrefix, isCache });
  } catch (thrown) {
    report(isCache ? 'warning' : 'error', `${toError(thrown).message}`, 'ACL SETUSER <user> +get ~<prefix>*');
    return;
  }
  const user = await answer(client, 'ACL', 'WHOAMI');
  if (user === undefined) {
    report('note', 'may be read; what else its ACL allows is not checked');
    return;
  }
  const key = recordKey(keyPrefix, 'dataflow-doctor');
  const needed = isCache
    ? [
        ['SET', key, 'x', 'PX', '1', 'NX'],
        ['DEL', key],
        ['PTTL', key],
      ]
    : [];
  const refused: string[] = [];
  for (const command of needed) {
    const dryRun = await answer(client, 'ACL', 'DRYRUN', user, ...command);
    if (dryRun !== undefined && dryRun !== 'OK') refused.push(dryRun);
  }
  if (refused.length === 0) report('ok', `the ACL of the user ${user} allows what is needed`);
  else
    report(
      'warning',
      `${refused.join('; ')}: the cache stays empty or stale`,
      `ACL SETUSER ${user} +set +del +pttl ~${keyPrefix}*`,
    );
}

/** The text of an answer; undefined if the command is refused or unknown. */
async function answer(client: RedisClient, command: string, ...args: readonly string[]): Promise<string | undefined> {
  try {
    return String(await client.call(command, ...args));
  } catch {
    return undefined;
  }
}
