import { teardown } from '../../resources/teardown.ts';
import { EXIT } from '../exit-codes.ts';
import { finished, session, showStep } from './session.ts';

export interface TeardownCommandOptions {
  readonly dryRun: boolean;
  readonly withData: boolean;
  readonly json: boolean;
}

/** `teardown <pipelines...>`: deletes what provision created for these pipelines. */
export function teardownPipelines(paths: readonly string[], options: TeardownCommandOptions): Promise<number> {
  const { dryRun, withData, json } = options;
  return session(paths, async (declared) => {
    const steps = await teardown(declared, { dryRun, withData, ...(json ? {} : { onStep: showStep }) });
    finished(steps, json);
    return steps.some(({ outcome }) => outcome === 'kept') ? EXIT.failed : EXIT.clean;
  });
}
