import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { suite } from '../../testing/suite.ts';
import { filterCovers, filtersOverlap, matchableFilter, topicFilterProblem, topicMatches } from './topic-filter.ts';

const level = fc.constantFrom('a', 'b', '', '$SYS');
const topic = fc.array(level, { minLength: 1, maxLength: 4 }).map((levels) => levels.join('/'));
const filter = fc
  .tuple(fc.array(fc.oneof(level, fc.constant('+')), { maxLength: 4 }), fc.constantFrom([], ['#']))
  .map(([levels, end]) => [...levels, ...end].join('/'))
  .filter((text) => text !== '');

suite('topic filter', ({ test }) => {
  test('matches as specified in MQTT 3.1.1, section 4.7', () => {
    for (const [wanted, yes, no] of [
      [
        'sport/tennis/player1',
        ['sport/tennis/player1'],
        ['sport/tennis', 'sport/tennis/player1/', 'Sport/tennis/player1'],
      ],
      [
        'sport/tennis/player1/#',
        ['sport/tennis/player1', 'sport/tennis/player1/ranking', 'sport/tennis/player1/a/b'],
        ['sport/tennis/player2'],
      ],
      ['sport/#', ['sport', 'sport/', 'sport/x'], ['sports', '/sport']],
      ['#', ['a', '/', 'a/b/c'], ['$SYS', '$SYS/x']],
      ['sport/tennis/+', ['sport/tennis/a', 'sport/tennis/'], ['sport/tennis', 'sport/tennis/a/b']],
      ['sport/+', ['sport/'], ['sport']],
      ['+', ['finance', ''], ['/finance', '$SYS']],
      ['+/+', ['/finance'], ['finance', '$SYS/x']],
      ['/+', ['/finance'], ['finance']],
      ['+/monitor/Clients', ['a/monitor/Clients'], ['$SYS/monitor/Clients']],
      ['$SYS/#', ['$SYS', '$SYS/x'], ['a']],
      ['$SYS/monitor/+', ['$SYS/monitor/Clients'], []],
      ['a/+/c/#', ['a/b/c', 'a/$b/c/d'], ['a/b', 'a/b/d']],
      ['$share/group/a/+', ['a/b'], ['$share/group/a/b', 'a']],
    ] as const) {
      for (const each of yes) assert.ok(topicMatches(wanted, each), `${wanted} should match ${each}`);
      for (const each of no) assert.not(topicMatches(wanted, each), `${wanted} should not match ${each}`);
    }
  });

  test('property: a filter that covers another one matches all of its topics', () => {
    fc.assert(
      fc.property(filter, filter, topic, (wide, narrow, text) => {
        fc.pre(topicFilterProblem(wide) === undefined && topicFilterProblem(narrow) === undefined);
        if (filterCovers(wide, narrow) && topicMatches(narrow, text)) assert.ok(topicMatches(wide, text));
        if (filterCovers(wide, narrow)) assert.ok(filtersOverlap(wide, narrow));
        if (wide === narrow) assert.ok(filterCovers(wide, narrow));
      }),
    );
    for (const [wide, narrow, covers] of [
      ['tele/#', 'tele/+/SENSOR', true],
      ['tele/#', 'tele', true],
      ['#', 'a/#', true],
      ['+/+', 'a/+', true],
      ['a/+', 'a/#', false],
      ['+/events/rpc', 'tele/+/+', false],
      ['#', '$SYS/x', false],
      ['$share/g/#', '$share/g/a', true],
      ['#', '$share/g/a', false],
    ] as const) {
      assert.is(filterCovers(wide, narrow), covers, `${wide} and ${narrow}`);
    }
  });

  test('every topic matches itself, and `#` below each of its levels', () => {
    fc.assert(
      fc.property(topic, (text) => {
        assert.ok(topicMatches(text, text));
        const levels = text.split('/');
        for (let length = 1; length <= levels.length; length += 1) {
          assert.ok(topicMatches([...levels.slice(0, length), '#'].join('/'), text));
        }
      }),
    );
  });

  test('a shared filter matches like its filter without the group', () => {
    assert.is(matchableFilter('$share/g/a/b'), 'a/b');
    assert.is(matchableFilter('$share/g//b'), '/b');
    assert.is(matchableFilter('a/$share/b'), 'a/$share/b');
  });

  test('explains why a filter is malformed', () => {
    for (const good of ['a', '/', '+', '#', 'a/+/b/#', '+/+', '$SYS/#', '$share/g/a/#', '$share/g/+', 'ä/ö']) {
      assert.is(topicFilterProblem(good), undefined, good);
    }
    for (const [bad, problem] of [
      ['', 'empty'],
      ['a/#/b', '"#" must be alone in the last level'],
      ['a#', '"#" must be alone'],
      ['#/', '"#" must be alone'],
      ['a/b+', '"+" must be alone'],
      ['++', '"+" must be alone'],
      ['a\0b', 'NUL'],
      ['ä'.repeat(32_768), '65,535 bytes'],
      ['$share/', 'share group'],
      ['$share//a', 'share group'],
      ['$share/g+/a', 'share group'],
      ['$share/g', 'no filter after'],
      ['$share/g/', 'empty'],
      ['$share/g/a#', '"#" must be alone'],
    ] as const) {
      assert.match(topicFilterProblem(bad) ?? 'no problem', problem, bad.slice(0, 20));
    }
  });
});

suite('overlapping filters', ({ test }) => {
  test('overlap if a topic matches both, in either order', () => {
    fc.assert(
      fc.property(filter, filter, topic, (one, other, text) => {
        assert.is(filtersOverlap(one, other), filtersOverlap(other, one));
        if (topicMatches(one, text) && topicMatches(other, text)) assert.ok(filtersOverlap(one, other));
      }),
      { numRuns: 20_000 },
    );
  });

  test('have a topic that matches both', () => {
    const levels = ['a', 'b', '', '$SYS', 'x'];
    const topics: string[] = [...levels];
    for (let index = 0; index < topics.length; index += 1) {
      const begun = topics[index] ?? '';
      if (begun.split('/').length < 4) topics.push(...levels.map((next) => `${begun}/${next}`));
    }
    const short = filter.filter((text) => text.split('/').length <= 4);
    fc.assert(
      fc.property(short, short, (one, other) => {
        if (!filtersOverlap(one, other)) return;
        assert.ok(
          topics.some((text) => topicMatches(one, text) && topicMatches(other, text)),
          `no topic matches ${one} and ${other}`,
        );
      }),
      { numRuns: 1_000 },
    );
  });

  test('ignore share groups', () => {
    assert.ok(filtersOverlap('$share/g/a/+', 'a/b'));
    assert.not(filtersOverlap('$share/g/a/+', '$share/g/b/+'));
  });
});
