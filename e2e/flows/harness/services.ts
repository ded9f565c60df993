import { Writable } from 'node:stream';
import { createPipelineService, loadPipeline } from '../../../src/services/pipeline.ts';
import { isServiceOf, type ServiceName, type ServiceOf } from '../../../src/services/services.ts';

/** The last log lines of a service, for the report of a failure. */
export class LastLines extends Writable {
  readonly lines: string[] = [];

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.lines.push(String(chunk).trimEnd());
    if (this.lines.length > 10) this.lines.shift();
    done();
  }
}

/** Creates the service of a pipeline in this process, with its configuration changed by the environment. */
export async function openService<Name extends ServiceName>(
  name: Name,
  path: string,
  env: NodeJS.ProcessEnv,
  destination: Writable,
): Promise<ServiceOf<Name>> {
  const telemetry = { level: 'warn', destination };
  const service = await createPipelineService(await loadPipeline(path, env), { telemetry });
  if (isServiceOf(service, name)) return service;
  throw new Error(`${path} is not a pipeline of ${name}`);
}
