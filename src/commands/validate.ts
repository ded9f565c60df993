import { stringify } from 'yaml';
import { ConfigError } from '../config/config-error.ts';
import { loadPipeline, pipelineWarnings, printableConfig } from '../services/pipeline.ts';
import { EXIT } from './exit-codes.ts';

export interface ValidateOptions {
  readonly json: boolean;
}

/** `validate <pipeline>`: checks a pipeline without connecting, and prints its resolved configuration. */
export async function validate(path: string, { json }: ValidateOptions): Promise<number> {
  try {
    const { config, hooks, file } = await loadPipeline(path);
    const warnings = pipelineWarnings(config, hooks);
    const printable = printableConfig(config);
    if (json)
      console.log(JSON.stringify({ file, valid: true, config: printable, hooks: Object.keys(hooks), warnings }));
    else console.log(stringify(printable));
    for (const warning of warnings) console.error(`warning: ${warning}`);
    console.error(`${file}: valid`);
    if (config.resources !== undefined) {
      console.error(
        `hint: "npm run cli -- provision ${path}" creates what it declares, "npm run cli -- doctor ${path}" checks what exists`,
      );
    }
    return EXIT.clean;
  } catch (thrown) {
    if (!(thrown instanceof ConfigError)) throw thrown;
    if (json) console.log(JSON.stringify({ valid: false, problems: thrown.issues }));
    console.error(thrown.message);
    return EXIT.configurationRefused;
  }
}
