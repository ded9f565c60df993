import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { topicFilterProblem } from '../../connectors/mqtt/topic-filter.ts';
import { FatalError, toError } from '../../core/errors.ts';
import { oneLine } from '../../tools/dead-letters/printable.ts';
import type { InferredColumn } from '../../tools/init/infer-columns.ts';
import { pipelineSet } from '../../tools/init/pipeline-set.ts';
import { utf8Text } from '../../util/bytes.ts';
import { parseExact } from '../../util/json/lossless-json.ts';
import { EXIT } from '../exit-codes.ts';

export interface InitOptions {
  readonly topic: string;
  /** File with a payload. */
  readonly sample: string;
  readonly folder: string;
  readonly force: boolean;
  readonly json: boolean;
}

/** Bucket names cannot contain "google", and Pub/Sub names cannot begin with "goog". */
const NAME = /^(?!goog)(?!.*google)[a-z](?:[a-z0-9-]{0,28}[a-z0-9])?$/;

/** `init <name>`: writes four pipelines for a topic filter and payloads like a sample. Changes nothing unless it can write all. */
export async function init(name: string, options: InitOptions): Promise<number> {
  try {
    const { columns, written } = write(name, options);
    if (options.json) console.log(JSON.stringify({ files: written, columns }));
    else for (const file of written) console.log(file);
    for (const note of notesOf(columns)) console.error(note);
    console.error(`\nnpm run cli -- up ${shown(join(options.folder, name))}   # runs them on the sandbox`);
    return EXIT.clean;
  } catch (thrown) {
    console.error(toError(thrown).message);
    return thrown instanceof FatalError ? EXIT.configurationRefused : EXIT.failed;
  }
}

function write(name: string, { topic, sample: sampleFile, folder, force }: InitOptions) {
  if (!NAME.test(name)) {
    throw new FatalError(
      `<name>: "${oneLine(name)}" cannot be the prefix of topics, buckets and datasets; expected 1 to 30 lowercase letters, digits and -, ` +
        'such as home or plant-7: a letter first, no - at the end, and no "google"',
    );
  }
  const problem = topicProblem(topic);
  if (problem !== undefined) throw new FatalError(`--topic: ${oneLine(problem)}`);
  const { bytes, value } = readSample(sampleFile);
  const { files, columns } = pipelineSet({ name, topic, sample: value });
  const target = join(folder, name);
  if (existsSync(join(target, 'pipeline.yaml'))) {
    throw new FatalError(`<name>: ${shown(target)} is a pipeline itself; choose another name`);
  }
  const contents = [
    ...Object.entries(files).map(([service, text]) => [join(target, service, 'pipeline.yaml'), text] as const),
    [join(target, 'sample.json'), bytes] as const,
  ];
  const existing = contents.map(([file]) => file).filter((file) => existsSync(file));
  if (existing.length > 0 && !force) {
    throw new FatalError(
      `${existing.map(shown).join(', ')}: already exists; choose another name, or overwrite with --force`,
    );
  }
  for (const [file, content] of contents) {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
  }
  return { columns, written: contents.map(([file]) => shown(file)) };
}

function topicProblem(topic: string): string | undefined {
  if (topic.startsWith('$share/')) {
    return `"${topic}" contains a share group: give only the filter, and set mqtt.shareGroup for replicas`;
  }
  if (/\$\{/.test(topic)) return `"${topic}" holds "\${", which begins a variable in a pipeline's file`;
  return topicFilterProblem(topic);
}

function readSample(file: string): { readonly bytes: Uint8Array; readonly value: unknown } {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(file);
  } catch (thrown) {
    throw new FatalError(`--sample: ${file} cannot be read: ${toError(thrown).message}`, { cause: thrown });
  }
  const text = utf8Text(bytes);
  if (text === undefined) throw new FatalError(`--sample: ${file} is not UTF-8; expected one payload in JSON`);
  try {
    return { bytes, value: parseExact(text) };
  } catch (thrown) {
    throw new FatalError(
      `--sample: ${file} is not JSON: ${oneLine(toError(thrown).message)}; expected one payload, such as {"temperature":21.5}. ` +
        'If payloads are plain text, give a JSON string, such as "on"',
      { cause: thrown },
    );
  }
}

/** What a reader of the written columns should know. */
function* notesOf(columns: readonly InferredColumn[]): Generator<string> {
  const integers = columns.filter(({ type }) => type === 'INT64').map(({ name }) => name);
  if (integers.length > 0) {
    yield `INT64, which refuses fractions: ${integers.join(', ')}; write FLOAT64 in bigqueries/pipeline.yaml, or 21.0 in the sample, if values such as 21.5 are possible`;
  }
  const unknown = columns.filter(({ type }) => type === 'JSON').map(({ name }) => name);
  if (unknown.length > 0) yield `JSON, because the sample does not show the type: ${unknown.join(', ')}`;
  const renamed = columns
    .filter(({ from }) => from?.startsWith('payload['))
    .map(({ name, from }) => `${name} (${from})`);
  if (renamed.length > 0) yield `renamed for BigQuery: ${renamed.join(', ')}`;
}

function shown(path: string): string {
  return relative('.', path) || path;
}
