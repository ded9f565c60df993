import { stringify } from 'yaml';
import { ConfigError } from '../config/config-error.ts';
import { loadPipeline, pipelineWarnings, printableConfig } from '../services/pipeline.ts';
import { EXIT } from './exit-codes.ts';

/** `validate <pipeline>`: checks a pipeline without connecting, and prints its resolved configuration. */
export async function validate(path: string): Promise<number> {
  try {
    const { config, hooks, file } = await loadPipeline(path);
    console.log(stringify(printableConfig(config)));
    for (const warning of pipelineWarnings(config, hooks)) console.error(`warning: ${warning}`);
    console.error(`${file}: valid`);
    if (config.resources !== undefined) {
      console.error(
        `hint: "npm run cli -- provision ${path}" creates what it declares, "npm run cli -- doctor ${path}" looks at what exists`,
      );
    }
    return EXIT.clean;
  } catch (thrown) {
    if (!(thrown instanceof ConfigError)) throw thrown;
    console.error(thrown.message);
    return EXIT.configurationRefused;
  }
}
