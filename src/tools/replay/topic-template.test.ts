import * as assert from 'uvu/assert';
import { PoisonError } from '../../core/errors.ts';
import type { Message } from '../../core/message.ts';
import { suite } from '../../testing/suite.ts';
import { topicTemplate, topicTemplateProblem } from './topic-template.ts';

const message = (enrichmentData: Message['enrichmentData'], payload: object = {}): Message => ({
  id: 'm-1',
  payload: Buffer.from(JSON.stringify(payload)),
  publishTime: '2026-01-01T00:00:00Z',
  attributes: { uid: 'u-1' },
  enrichmentData,
});
const DEVICE_PATHS = ['enrichmentData.DeviceID', 'payload.device_id'];
const topicOf = (template: string, one: Message): string => topicTemplate(template, DEVICE_PATHS)(one);

suite('a template of topics', ({ test }) => {
  test('is filled in from the enrichment data, or from paths', () => {
    const one = message({ DeviceID: 'd1', location: 'hall', floor: 3, Topic: 'sites/hall/d1' }, { line: 7 });
    for (const [template, topic] of [
      ['sites/{location}/devices/{DeviceID}/readings', 'sites/hall/devices/d1/readings'],
      ['{floor}/x{payload.line}/{attributes.uid}/{metadata.id}', '3/x7/u-1/m-1'],
      ['replayed', 'replayed'],
      ['{Topic}', 'sites/hall/d1'],
    ] as const) {
      assert.is(topicTemplateProblem(template), undefined);
      assert.is(topicOf(template, one), topic);
    }
  });

  test('reads the device from --device-path', () => {
    assert.is(topicOf('devices/{DeviceID}', message({}, { device_id: 'd9' })), 'devices/d9');
    assert.is(topicOf('devices/{DeviceID}', message({ DeviceID: 'd1' }, { device_id: 'd9' })), 'devices/d1');
  });

  test('refuses a message without a name, or with a value that is not a level', () => {
    const problemOf = (one: Message): string => {
      try {
        topicOf('sites/{location}', one);
      } catch (thrown) {
        assert.instance(thrown, PoisonError);
        return String(thrown);
      }
      throw new Error('it is taken');
    };
    assert.match(problemOf(message({})), 'it has nothing at {location}');
    for (const location of ['', 'a/b', '+', '#', 'a\0', 'x'.repeat(70_000)]) {
      assert.match(problemOf(message({ location })), /\{location\}|65,535 bytes/, JSON.stringify(location));
    }
  });

  test('that is invalid is refused with the reason', () => {
    for (const [template, problem] of [
      ['', 'empty'],
      ['a/+/b', '"+"'],
      ['a/#', '"#"'],
      ['a/{}', '"{}"'],
      ['a/{b', 'brace'],
      ['a/b}', 'brace'],
      ['a/{b c}', '"{b c}"'],
      ['a/{payload.}', '"{payload.}"'],
    ] as const) {
      assert.match(topicTemplateProblem(template) ?? '', problem, template);
    }
  });
});
