import { readFileSync } from 'node:fs';
import { ConfigError } from '../../config/config-error.ts';
import { FatalError, toError } from '../../core/errors.ts';
import { loadPipeline, type Pipeline } from '../../services/pipeline.ts';
import { explainChain } from '../../tools/explain/explain.ts';
import type { Arrival } from '../../tools/explain/explanation.ts';
import { explanationText } from '../../tools/explain/explanation-text.ts';
import { EXIT } from '../exit-codes.ts';
import { paint } from '../paint.ts';

export interface ExplainCommandOptions {
  readonly payload?: string;
  readonly topic?: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly orderingKey: string;
  readonly retained: boolean;
  readonly lookup?: { readonly data: Readonly<Record<string, unknown>> | null };
  readonly asIs: boolean;
  readonly json: boolean;
}

/** `explain <pipelines...>`: follows one message without connecting, and prints the result. */
export async function explainMessage(paths: readonly string[], options: ExplainCommandOptions): Promise<number> {
  const { topic, attributes, orderingKey, retained, asIs } = options;
  try {
    const pipelines = await Promise.all(paths.map((path) => loadPipeline(path)));
    checkTopic(pipelines, topic);
    const arrival: Arrival = {
      data: payloadIn(options.payload),
      topic,
      attributes,
      orderingKey,
      retained,
      lookup: options.lookup?.data,
      asIs,
    };
    const explanations = await explainChain(pipelines, arrival);
    if (options.json) console.log(JSON.stringify({ pipelines: explanations }));
    else {
      const color = paint(process.stdout);
      console.log(explanations.map((each) => explanationText(each, color).join('\n')).join('\n\n'));
    }
    return EXIT.clean;
  } catch (thrown) {
    console.error(toError(thrown).message);
    return thrown instanceof ConfigError || thrown instanceof FatalError ? EXIT.configurationRefused : EXIT.failed;
  }
}

function checkTopic(pipelines: readonly Pipeline[], topic: string | undefined): void {
  if (topic !== undefined || pipelines[0]?.config.service !== 'ingestion') return;
  throw new FatalError('--topic: not given, but ingestion selects the route of a message by its topic');
}

function payloadIn(file: string | undefined): Buffer {
  // A mandatory option of commander would hide that another one is misspelled.
  if (file === undefined)
    throw new FatalError('--payload: not given; it names the file of the message, or - for standard input');
  try {
    return readFileSync(file === '-' ? 0 : file);
  } catch (thrown) {
    throw new FatalError(`--payload: ${toError(thrown).message}`, { cause: thrown });
  }
}
