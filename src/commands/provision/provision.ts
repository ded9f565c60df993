import { provision } from '../../resources/provision.ts';
import { EXIT } from '../exit-codes.ts';
import { finished, session, showStep } from './session.ts';

export interface ProvisionCommandOptions {
  readonly dryRun: boolean;
  readonly json: boolean;
}

/** `provision <pipelines...>`: creates missing resources, and reports those that differ from their declaration. */
export function provisionPipelines(paths: readonly string[], options: ProvisionCommandOptions): Promise<number> {
  return session(paths, async (declared) => {
    const steps = await provision(declared, { dryRun: options.dryRun, ...(options.json ? {} : { onStep: showStep }) });
    finished(steps, options.json);
    return steps.some(({ outcome }) => outcome === 'differs') ? EXIT.failed : EXIT.clean;
  });
}
