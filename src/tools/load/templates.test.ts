import * as assert from 'uvu/assert';
import { suite } from '../../testing/suite.ts';
import { Fleet } from './fleet.ts';
import { payloadTemplate } from './payload-template.ts';
import { topicTemplate } from './topic-template.ts';

suite('templates of a fleet', ({ test }) => {
  test('a topic names site and device, and an invalid topic is refused', () => {
    const template = topicTemplate('plants/{site}/d/{device}/{index}');
    assert.is(template.fill({ site: 'oslo', device: 'device-00007', index: 7 }), 'plants/oslo/d/device-00007/7');
    const refused: [string, RegExp][] = [
      ['a/{room}/b', /\{room\} has no value; \{site\}, \{device\}, \{index\} have one/],
      ['a/+/b', /are wildcards of subscriptions/],
      ['a/#', /are wildcards of subscriptions/],
      ['', /at least one character/],
      ['$SYS/x', /reserved for the broker/],
      ['a'.repeat(65_536), /65,535 bytes/],
    ];
    for (const [text, message] of refused) assert.throws(() => topicTemplate(text), message);
  });

  test('a payload keeps every byte outside its placeholders', () => {
    const all = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    const payload = payloadTemplate(Buffer.concat([Buffer.from('{"n":{sequence},"to":{room}}'), all]));
    const values = { site: 'oslo', device: 'd', index: 0, sequence: 12, id: 'i', time: '2026-01-01T00:00:00.000Z' };
    assert.equal(payload(values), Buffer.concat([Buffer.from('{"n":12,"to":{room}}'), all]));
    assert.equal(payloadTemplate(all)(values), all);
  });

  test('a fleet fills them in, with a counter per device', () => {
    const fleet = new Fleet({
      ...{ devices: 150_000, seed: 3, runId: 'r', topic: '{site}/{index}', now: () => Date.UTC(2026, 4, 6) },
      payload: payloadTemplate(Buffer.from('{device} {index} {sequence} {id} {time}')),
    });
    const sequences = new Map<string, number>();
    for (const { topic, payload, id, deviceId, index, sequence } of fleet.readings(1_000)) {
      assert.is(sequence, sequences.get(deviceId) ?? 0);
      sequences.set(deviceId, sequence + 1);
      assert.is(topic, `${fleet.recordOf(deviceId).LocationID}/${index}`);
      assert.is(payload.toString(), `${deviceId} ${index} ${sequence} ${id} 2026-05-06T00:00:00.000Z`);
      assert.is(id, `r-${deviceId}-${sequence}`);
    }
    assert.ok([...sequences.keys()].some((id) => id.length > 'device-00000'.length));
  });
});
