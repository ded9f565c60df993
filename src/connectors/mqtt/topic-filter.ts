/** MQTT-4.7.3: applies to topics and filters. */
export const MAX_TOPIC_BYTES = 65_535;

/** Returns why one cannot publish to a topic, or to a topic made from a template; undefined if one can. */
export function publishTopicProblem(topic: string): string | undefined {
  if (topic === '') return 'the topic is empty: a topic needs at least one character';
  if (topic.includes('\0')) return 'a topic may not contain a null character';
  const wildcard = /[+#]/.exec(topic)?.[0];
  if (wildcard !== undefined) {
    return `cannot publish to a topic with "${wildcard}": "+" and "#" are wildcards of subscriptions`;
  }
  if (topic.startsWith('$')) return 'topics that begin with "$" are reserved for the broker';
  return Buffer.byteLength(topic) > MAX_TOPIC_BYTES ? 'a topic may have at most 65,535 bytes' : undefined;
}

/** Returns why a text is not a valid MQTT topic filter (MQTT 3.1.1, section 4.7); undefined if it is one. */
export function topicFilterProblem(filter: string): string | undefined {
  if (filter.length === 0) return 'a topic filter may not be empty';
  if (Buffer.byteLength(filter) > MAX_TOPIC_BYTES) return 'a topic filter may have at most 65,535 bytes';
  if (filter.includes('\0')) return 'a topic filter may not contain a NUL character';
  if (filter.startsWith('$share/')) return sharedFilterProblem(filter);
  const levels = filter.split('/');
  for (const [index, level] of levels.entries()) {
    if (level.includes('#') && (level !== '#' || index !== levels.length - 1)) {
      return `"#" must be alone in the last level, in "${filter}"`;
    }
    if (level.includes('+') && level !== '+') return `"+" must be alone in its level, in "${filter}"`;
  }
  return undefined;
}

function sharedFilterProblem(filter: string): string | undefined {
  const [, group, ...rest] = filter.split('/');
  if (group === undefined || group === '' || /[+#]/.test(group)) return `"${filter}" does not name a valid share group`;
  return rest.length === 0 ? `"${filter}" has no filter after its share group` : topicFilterProblem(rest.join('/'));
}

/** Returns the filter that a member of a share group subscribes to; without a group, the filter itself. */
export function sharedFilter(group: string | undefined, filter: string): string {
  return group === undefined || group === '' ? filter : `$share/${group}/${filter}`;
}

/** Returns the filter that topics are matched against: without `$share/<group>/`. */
export function matchableFilter(filter: string): string {
  return filter.startsWith('$share/') ? filter.split('/').slice(2).join('/') : filter;
}

/** Returns whether a topic matches a filter. Wildcards in the first level do not match topics that begin with `$`. */
export function topicMatches(filter: string, topic: string): boolean {
  const wanted = matchableFilter(filter).split('/');
  const levels = topic.split('/');
  if (topic.startsWith('$') && (wanted[0] === '+' || wanted[0] === '#')) return false;
  for (const [index, level] of wanted.entries()) {
    if (level === '#') return true;
    if (index >= levels.length) return false;
    if (level !== '+' && level !== levels[index]) return false;
  }
  return wanted.length === levels.length;
}

/** Returns the share group of a filter, or undefined. */
export function shareGroupOf(filter: string): string | undefined {
  return filter.startsWith('$share/') ? filter.split('/')[1] : undefined;
}

/** Returns whether every topic that matches `narrow` matches `wide`. Share groups differ: each gets its own copies. */
export function filterCovers(wide: string, narrow: string): boolean {
  if (shareGroupOf(wide) !== shareGroupOf(narrow)) return false;
  const a = matchableFilter(wide).split('/');
  const b = matchableFilter(narrow).split('/');
  if (b[0]?.startsWith('$') && (a[0] === '+' || a[0] === '#')) return false;
  for (let index = 0; ; index += 1) {
    const level = a[index];
    if (level === '#') return true;
    const other = b[index];
    if (level === undefined || other === undefined) return level === other;
    if (other === '#' || (level !== '+' && level !== other)) return false;
  }
}

/** Returns whether some topic matches both filters: a broker may then deliver one message twice. */
export function filtersOverlap(one: string, other: string): boolean {
  const a = matchableFilter(one).split('/');
  const b = matchableFilter(other).split('/');
  const wild = (level: string | undefined) => level === '+' || level === '#';
  if ((a[0]?.startsWith('$') && wild(b[0])) || (b[0]?.startsWith('$') && wild(a[0]))) return false;
  for (let index = 0; ; index += 1) {
    const left = a[index];
    const right = b[index];
    if (left === '#' || right === '#') return true;
    if (left === undefined || right === undefined) return left === right;
    if (left !== '+' && right !== '+' && left !== right) return false;
  }
}
