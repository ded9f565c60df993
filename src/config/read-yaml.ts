import { readFileSync } from 'node:fs';
import { parseDocument } from 'yaml';
import { toError } from '../core/errors.ts';
import type { ConfigIssue } from './config-error.ts';

/** Reads a YAML file. Returns undefined, and adds issues with lines, if it cannot be read or parsed. */
export function readYaml(file: string, issues: ConfigIssue[]): unknown {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (thrown) {
    issues.push({ path: '', problem: `cannot be read: ${toError(thrown).message}` });
    return undefined;
  }
  try {
    const document = parseDocument(text);
    for (const error of document.errors)
      issues.push({ path: '', problem: error.message.split('\n')[0] ?? error.message });
    if (document.errors.length > 0) return undefined;
    const value: unknown = document.toJS();
    if (!hasCycle(value)) return value;
    issues.push({ path: '', problem: 'an alias (*name) refers to itself' });
  } catch (thrown) {
    // Nested too deep, or an unresolved or excessive alias, which only `toJS` detects.
    issues.push({ path: '', problem: toError(thrown).message });
  }
  return undefined;
}

/** Returns whether a value contains itself, like an alias inside its own anchor. */
function hasCycle(value: unknown, above = new Set<unknown>(), known = new Set<unknown>()): boolean {
  if (typeof value !== 'object' || value === null || known.has(value)) return false;
  if (above.has(value)) return true;
  above.add(value);
  const found = Object.values(value).some((each) => hasCycle(each, above, known));
  above.delete(value);
  known.add(value);
  return found;
}
