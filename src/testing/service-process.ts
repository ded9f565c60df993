import type { Child } from './child.ts';
import { builtInPipeline, startCli } from './cli.ts';
import { Scrape } from './scrape.ts';

/** Timeout for a hung service: on a slow machine, four that compile at once take most of a minute. */
const READY_WITHIN_MS = 120_000;

/** For tests that measure the end of a service: Node can take seconds to write its compile cache at exit. */
export const NO_COMPILE_CACHE = { NODE_DISABLE_COMPILE_CACHE: '1' } as const;

/** A service in its own process, like in a container. */
export interface ServiceProcess extends Child {
  /** Address of health and metrics. */
  readonly url: string;
  scrape(): Promise<Scrape>;
  /** Status and text of `/readyz`. */
  ready(): Promise<{ readonly status: number; readonly text: string }>;
}

/** Runs one pipeline of `pipelines/`, and waits until it reports ready. */
export function startService(pipeline: string, env: Readonly<Record<string, string>>): Promise<ServiceProcess> {
  return startPipeline(builtInPipeline(pipeline), env);
}

/** Runs the pipeline of a folder, whose `http.port` is 0 or `HTTP_PORT`, and waits until it reports ready. */
export async function startPipeline(
  folder: string,
  env: Readonly<Record<string, string>> = {},
): Promise<ServiceProcess> {
  const child = await startCli(['run', folder], {
    env: { HTTP_PORT: '0', ...env, LOG_LEVEL: 'info' },
    readyWhen: /"event":"service.ready"(.|\n)*"url":"http|"url":"http(.|\n)*"event":"service.ready"/,
    readyWithinMs: READY_WITHIN_MS,
  });
  const url = /"url":"(http:[^"]+)"/.exec(child.output)?.[1] ?? '';
  const get = (path: string) => fetch(`${url}${path}`, { signal: AbortSignal.timeout(10_000) });
  return {
    url,
    pid: child.pid,
    exited: child.exited,
    kill: child.kill,
    stallOutput: child.stallOutput,
    end: child.end,
    get output() {
      return child.output;
    },
    get stdout() {
      return child.stdout;
    },
    scrape: async () => new Scrape(await (await get('/metrics')).text()),
    ready: async () => {
      const response = await get('/readyz');
      return { status: response.status, text: await response.text() };
    },
  };
}
