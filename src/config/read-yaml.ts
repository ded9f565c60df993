import { readFileSync } from 'node:fs';
import { parseDocument } from 'yaml';
import { toError } from '../core/errors.ts';
import type { ConfigIssue } from './config-error.ts';

/** Reads a YAML file; undefined, and issues with their lines, if it cannot be read or is no YAML. */
export function readYaml(file: string, issues: ConfigIssue[]): unknown {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (thrown) {
    issues.push({ path: '', problem: `cannot be read: ${toError(thrown).message}` });
    return undefined;
  }
  const document = parseDocument(text);
  for (const error of document.errors)
    issues.push({ path: '', problem: error.message.split('\n')[0] ?? error.message });
  if (document.errors.length > 0) return undefined;
  try {
    return document.toJS();
  } catch (thrown) {
    // Aliases are resolved only now: one without an anchor, or too many of them.
    issues.push({ path: '', problem: toError(thrown).message });
    return undefined;
  }
}
