import { protos } from '@google-cloud/pubsub';
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { suite } from '../../../testing/suite.ts';
import { encodeAcknowledgeRequest } from './requests.ts';

const { AcknowledgeRequest } = protos.google.pubsub.v1;

suite('an acknowledge request', ({ test }) => {
  test("equals the generated client's", () => {
    const text = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ minLength: 100, maxLength: 300 }));
    fc.assert(
      fc.property(text, fc.array(text), (name, ackIds) => {
        // The generated encoder writes lone surrogates differently.
        const subscription = `projects/p/subscriptions/${name.toWellFormed()}`;
        const request = { subscription, ackIds: ackIds.map((ackId) => ackId.toWellFormed()) };
        const ours = encodeAcknowledgeRequest(subscription, request.ackIds);
        assert.equal([...ours], [...AcknowledgeRequest.encode(request).finish()]);
      }),
    );
  });
});
