import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Scope } from './scope.ts';

/** A temporary folder with pipelines of a test and the other files they use. */
export interface PipelineFolder {
  readonly path: string;
  /** Writes a pipeline and returns its folder. A string is its YAML. */
  pipeline(config: object | string): string;
  /** Writes any other file and returns its path. */
  file(name: string, content: string): string;
}

/** Creates a folder that is removed at the end of the scope. */
export function pipelineFolder(scope: Scope): PipelineFolder {
  const path = mkdtempSync(join(tmpdir(), 'pipelines-'));
  scope.defer(() => rmSync(path, { recursive: true, force: true }));
  let pipelines = 0;
  const file = (name: string, content: string): string => {
    const written = join(path, name);
    writeFileSync(written, content);
    return written;
  };
  return {
    path,
    file,
    pipeline: (config) => {
      pipelines += 1;
      const folder = join(path, `p${pipelines}`);
      mkdirSync(folder);
      // JSON is YAML.
      file(`p${pipelines}/pipeline.yaml`, typeof config === 'string' ? config : JSON.stringify(config));
      return folder;
    },
  };
}
