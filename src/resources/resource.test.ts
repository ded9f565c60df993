import * as assert from 'uvu/assert';
import { suite } from '../testing/suite.ts';
import { differencesOf } from './resource.ts';

suite('differences of a resource', ({ test }) => {
  test('name the setting and both values, of lists only what one side lacks', () => {
    assert.equal(
      differencesOf([
        ['ordering', true, false],
        ['location', 'US', 'US'],
        ['clustering', ['a'], undefined],
        ['columns', ['id STRING', 'at TIMESTAMP', 'n INT64'], ['id STRING', 'n STRING']],
        ['columns', ['id STRING'], ['id STRING', 'more JSON']],
        ['columns', ['a', 'b'], ['b', 'a']],
      ]),
      [
        'ordering is false, declared true',
        'clustering is not set, declared ["a"]',
        'columns declared and missing: at TIMESTAMP, n INT64; not declared: n STRING',
        'columns not declared: more JSON',
        'columns are declared in another order',
      ],
    );
  });
});
