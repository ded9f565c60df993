import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Scope } from './scope.ts';

const ROOT = join(import.meta.dirname, '../..');

/** Copies files and folders of this repository to a folder of a test's own, with the installed packages; returns its path. */
export function repositoryCopy(scope: Scope, paths: readonly string[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'dataflow-'));
  scope.defer(() => rmSync(folder, { recursive: true, force: true }));
  for (const path of paths) cpSync(join(ROOT, path), join(folder, path), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  return folder;
}
