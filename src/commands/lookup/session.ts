import { filter, firstValueFrom } from 'rxjs';
import { ConfigError } from '../../config/config-error.ts';
import { FatalError, toError } from '../../core/errors.ts';
import { Readiness } from '../../core/readiness.ts';
import type { ChainOptions } from '../../lookup/chain.ts';
import type { LayerAnswer } from '../../lookup/layer-answers.ts';
import type { RedisClient } from '../../lookup/redis/client.ts';
import { openLookup } from '../../services/enrich/open-lookup.ts';
import { loadPipeline } from '../../services/pipeline.ts';
import { Telemetry } from '../../telemetry/telemetry.ts';
import { oneLine } from '../../tools/dead-letters/printable.ts';
import { EXIT } from '../exit-codes.ts';

export interface LookupCommandOptions {
  readonly json: boolean;
}

/** Opens the lookup of a pipeline, queries its layers, and prints their answers. */
export async function session(
  path: string,
  key: string,
  { json }: LookupCommandOptions,
  ask: (layers: ChainOptions, key: string) => Promise<LayerAnswer[]>,
): Promise<number> {
  try {
    const { config, hooks, file } = await loadPipeline(path);
    if (config.service !== 'enrich') {
      throw new ConfigError(file, [{ path: 'service', problem: `expected enrich, got ${config.service}` }]);
    }
    const lookup = openLookup(config, hooks, {
      onAnswer: () => {},
      telemetry: new Telemetry('lookup', { level: 'silent', processMetrics: false }),
      readiness: new Readiness(),
    });
    try {
      await lookup.checkCredentials();
      if (lookup.layers.redis !== undefined) await connected(lookup.layers.redis);
      const answers = await ask(lookup.layers, key);
      if (json) console.log(JSON.stringify({ key, layers: answers }));
      else for (const answer of answers) show(answer);
      const { memory } = config.lookup;
      if (memory !== undefined) {
        console.error(`memory: each running process has its own, and keeps a key for up to ${memory.ttlMs / 1_000} s`);
      }
      return answers.some(({ error }) => error !== undefined) ? EXIT.failed : EXIT.clean;
    } finally {
      await lookup.close();
    }
  } catch (thrown) {
    console.error(toError(thrown).message);
    return thrown instanceof ConfigError || thrown instanceof FatalError ? EXIT.configurationRefused : EXIT.failed;
  }
}

/** Waits until Redis is connected, or the reason why it is not is known. */
async function connected({ state }: RedisClient): Promise<void> {
  await firstValueFrom(state.pipe(filter(({ isReady, problem }) => isReady || problem !== undefined)));
}

function show({ layer, place, answer, data, expiresInMs, error }: LayerAnswer): void {
  const expiry = expiresInMs === undefined ? '' : `, expires in ${Math.ceil(expiresInMs / 1_000)} s`;
  const reason = error === undefined ? '' : `: ${oneLine(error)}`;
  console.log(`${layer.padEnd(10)} ${oneLine(place)}  ${answer}${expiry}${reason}`);
  if (data !== undefined) console.log(`${' '.repeat(11)}${oneLine(JSON.stringify(data))}`);
}
