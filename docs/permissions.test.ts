import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { suite } from '../src/testing/suite.ts';
import { PERMISSIONS, type PermissionsRow } from './permissions-reference.ts';
import { GRANTED_TO_CREATOR, PREDEFINED_ROLES } from './predefined-roles.ts';

const PAGE = readFileSync(join(import.meta.dirname, 'permissions.md'), 'utf8');
const PERMISSION = /`((?:bigquery|datastore|pubsub|storage)\.\w+\.\w+)`/g;
const ROLE = /`(roles\/[\w.]+)`/g;
/** The row of `doctor` refers to the roles of the other rows of services. */
const OF_SERVICE = 'the roles of the service';
const SERVICES: readonly PermissionsRow[] = [
  PERMISSIONS.ingestion,
  PERMISSIONS.enrich,
  PERMISSIONS.icestore,
  PERMISSIONS.bigqueries,
];

const namesIn = (text: string, pattern: RegExp) => Array.from(text.matchAll(pattern), ([, name = '']) => name);
const contentsOf = (role: string): readonly string[] => {
  const known: Readonly<Record<string, readonly string[]>> = PREDEFINED_ROLES;
  return known[role] ?? [];
};
const rows: readonly PermissionsRow[] = Object.values(PERMISSIONS);

suite('the predefined roles of docs/permissions.md', ({ test }) => {
  test('contain the permissions of each row', () => {
    for (const { who, permissions, roles } of rows) {
      const text = roles.join(' ');
      const granted = namesIn(text, ROLE);
      if (text.includes(OF_SERVICE)) granted.push(...SERVICES.flatMap((row) => namesIn(row.roles.join(' '), ROLE)));
      const contained = granted.flatMap(contentsOf);
      const held = contained.includes('bigquery.jobs.create') ? [...contained, ...GRANTED_TO_CREATOR] : contained;
      const needed = [...permissions, ...namesIn(text, PERMISSION)];
      assert.equal(
        needed.filter((name) => !held.includes(name)),
        [],
        who,
      );
    }
  });

  test('are all needed by their row', () => {
    for (const { who, permissions, roles } of rows) {
      const superfluous = namesIn(roles.join(' '), ROLE).filter(
        (role) => !contentsOf(role).some((name) => permissions.includes(name)),
      );
      assert.equal(superfluous, [], who);
    }
  });

  test('contain the permissions of each setting', () => {
    const [, section = ''] = PAGE.split('\n## More, by setting\n');
    const settings = section.split('\n').filter((line) => line.startsWith('| `'));
    assert.ok(settings.length > 3, `${settings.length} settings are found`);
    for (const line of settings) {
      const held = namesIn(line, ROLE).flatMap(contentsOf);
      const needed = namesIn(line, PERMISSION);
      assert.ok(needed.length > 0, line);
      assert.equal(
        needed.filter((name) => !held.includes(name)),
        [],
        line,
      );
    }
  });

  test('list only permissions that the page names', () => {
    const named = new Set(namesIn(PAGE, PERMISSION));
    const others = Object.values(PREDEFINED_ROLES).flatMap((names) => names.filter((name) => !named.has(name)));
    assert.equal(others, []);
    assert.equal(Object.keys(PREDEFINED_ROLES), [...new Set(namesIn(PAGE, ROLE))].sort());
  });
});
