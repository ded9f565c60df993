import { matchableFilter, topicFilterProblem } from '../../connectors/mqtt/topic-filter.ts';
import type { EnrichmentData } from '../../core/message.ts';

/** Returns the name in a level such as `{DeviceID}`; undefined for any other level. */
function nameOf(level: string): string | undefined {
  return level.length > 2 && level.startsWith('{') && level.endsWith('}') ? level.slice(1, -1) : undefined;
}

/** Returns why a text is not a template of device topics; undefined if it is one. */
export function deviceTopicProblem(template: string): string | undefined {
  const problem = topicFilterProblem(template);
  if (problem !== undefined) return problem;
  const names = new Set<string>();
  for (const level of template.split('/')) {
    const name = nameOf(level);
    if (/[{}]/.test(name ?? level)) return `"${level}" is not a name: expected a whole level such as {DeviceID}`;
    if (name === undefined) continue;
    if (names.has(name)) return `"${template}" contains {${name}} twice: give each level its own name`;
    names.add(name);
  }
  return undefined;
}

/** Returns whether a template names a level. */
export function namesLevels(template: string): boolean {
  return template.split('/').some((level) => nameOf(level) !== undefined);
}

/**
 * Returns why no topic of a filter fits a template; undefined if one does. A template without names describes no
 * device, and fits only a filter equal to it, because the environment may fill in both.
 */
export function filterMismatch(template: string, filter: string): string | undefined {
  if (template === filter) return undefined;
  if (!namesLevels(template)) {
    return `"${template}" contains no name, and differs from the filter "${filter}": write {DeviceID} instead of the device's level`;
  }
  const wanted = template.split('/');
  const given = matchableFilter(filter).split('/');
  for (let index = 0; wanted[index] !== '#' && given[index] !== '#'; index += 1) {
    const level = wanted[index];
    const other = given[index];
    if (level === undefined && other === undefined) return undefined;
    if (level === undefined || other === undefined) {
      return `"${template}" has ${wanted.length} levels, but the filter "${filter}" has ${given.length}: make them equal, or end with "#"`;
    }
    if (nameOf(level) === undefined && level !== '+' && other !== '+' && level !== other) {
      return `level ${index + 1} of "${template}" is "${level}", but "${other}" in the filter "${filter}": make them equal`;
    }
  }
  return undefined;
}

/**
 * Compiles a template such as `sites/{location}/devices/{DeviceID}/readings`. A name takes one whole, non-empty level;
 * `+` matches any level, and a final `#` matches all further ones. Takes time linear in the topic's length.
 *
 * @returns device data from a topic, by name; nothing for a topic that does not fit.
 */
export function deviceTopic(template: string): (topic: string) => EnrichmentData {
  const wanted = template.split('/').map((level) => ({ level, name: nameOf(level) }));
  const isOpen = wanted.at(-1)?.level === '#';
  if (isOpen) wanted.pop();
  return (topic) => {
    const levels = topic.split('/');
    if (levels.length < wanted.length || (levels.length > wanted.length && !isOpen)) return {};
    const found: [name: string, level: string][] = [];
    for (const [index, { level, name }] of wanted.entries()) {
      const given = levels[index] ?? '';
      if (name !== undefined) {
        if (given === '') return {};
        found.push([name, given]);
      } else if (level !== '+' && level !== given) return {};
    }
    return Object.fromEntries(found);
  };
}
