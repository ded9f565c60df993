import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { isRecord } from '../src/config/interpolate.ts';

/** One document of a YAML file. */
export type Manifest = Readonly<Record<string, unknown>>;

/** Reads every document of a YAML file. */
export function documentsOf(path: string): Manifest[] {
  return parseAllDocuments(readFileSync(path, 'utf8')).map((document) => {
    const [error] = document.errors;
    if (error !== undefined) throw new Error(`${path}: ${error.message}`);
    const value: unknown = document.toJS();
    if (!isRecord(value)) throw new Error(`${path}: expected objects`);
    return value;
  });
}

/** Returns the value at a path such as `spec.template.spec`; a number selects from a list. */
export function at(value: unknown, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>(
      (inner, key) => (Array.isArray(inner) ? inner[Number(key)] : isRecord(inner) ? inner[key] : undefined),
      value,
    );
}

/** Returns the list of objects at a path; empty without one. */
export function listAt(value: unknown, path: string): Manifest[] {
  const list = at(value, path);
  return Array.isArray(list) ? list.filter(isRecord) : [];
}

export const nameOf = (manifest: Manifest): string => `${at(manifest, 'kind')}/${at(manifest, 'metadata.name')}`;

const KEYS: ReadonlySet<string> = new Set(['apiVersion', 'kind', 'namespace', 'resources', 'images', 'patches']);

/**
 * Builds a kustomization as far as those in this folder need it: resources, images, and patches in files that replace
 * single values of objects.
 */
export function kustomize(folder: string): Manifest[] {
  const path = join(folder, 'kustomization.yaml');
  const [kustomization = {}] = documentsOf(path);
  const unknown = Object.keys(kustomization).filter((key) => !KEYS.has(key));
  if (unknown.length > 0) throw new Error(`${path}: not supported here: ${unknown.join(', ')}`);
  const { resources } = kustomization;
  let manifests = (Array.isArray(resources) ? resources.map(String) : []).flatMap((resource) => {
    const file = join(folder, resource);
    if (!existsSync(file)) throw new Error(`${path}: ${resource} does not exist`);
    return statSync(file).isDirectory() ? kustomize(file) : documentsOf(file);
  });
  for (const patch of listAt(kustomization, 'patches')) {
    const [change = {}] = documentsOf(join(dirname(path), String(patch.path)));
    const target = nameOf(change);
    if (!manifests.some((each) => nameOf(each) === target)) throw new Error(`${path}: no ${target} to patch`);
    manifests = manifests.map((each) => (nameOf(each) === target ? merged(each, change) : each));
  }
  return manifests;
}

function merged(value: Manifest, change: Manifest): Manifest {
  const result: Record<string, unknown> = { ...value };
  for (const [key, changed] of Object.entries(change)) {
    const before = result[key];
    if (Array.isArray(changed)) throw new Error(`a patch of the list ${key} is not supported here`);
    result[key] = isRecord(before) && isRecord(changed) ? merged(before, changed) : changed;
  }
  return result;
}
