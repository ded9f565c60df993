import { Metadata } from '@grpc/grpc-js';
import { GoogleError, protobuf } from 'google-gax';
import * as assert from 'uvu/assert';
import { suite } from '../../testing/suite.ts';
import { errorDetails } from './error-details.ts';

const root = protobuf.parse(`
  syntax = "proto3";
  package google.rpc;
  message Any { string type_url = 1; bytes value = 2; }
  message Status { int32 code = 1; string message = 2; repeated Any details = 3; }
  message ErrorInfo { string reason = 1; string domain = 2; map<string, string> metadata = 3; }
  message Duration { int64 seconds = 1; int32 nanos = 2; }
  message RetryInfo { Duration retry_delay = 1; }
  message Help { string anything = 1; }
`).root;

const encode = (name: string, value: object) => {
  const type = root.lookupType(`google.rpc.${name}`);
  return Buffer.from(type.encode(type.fromObject(value)).finish());
};

/** A status with details, each a type and its value. */
const statusOf = (...details: (readonly [string, object])[]) =>
  encode('Status', {
    code: 7,
    message: 'no',
    details: details.map(([name, value]) => ({
      typeUrl: `type.googleapis.com/google.rpc.${name}`,
      value: encode(name, value),
    })),
  });

const INFO = { reason: 'IAM_PERMISSION_DENIED', domain: 'd', metadata: { 'ack-1': 'PERMANENT_FAILURE', 'ack-2': 'é' } };

suite('details of gRPC errors', ({ test }) => {
  test('are those that google-gax reads', () => {
    const status = statusOf(['Help', { anything: 'x' }], ['ErrorInfo', INFO]);
    const metadata = new Metadata();
    metadata.set('grpc-status-details-bin', status);
    const theirs = GoogleError.parseGRPCStatusDetails(Object.assign(new GoogleError('no'), { metadata }));
    const { reason, errorInfoMetadata } = theirs;
    assert.equal({ reason, errorInfoMetadata: { ...errorInfoMetadata } }, errorDetails(status));
    assert.is(reason, INFO.reason);
    assert.equal(errorDetails(status).errorInfoMetadata, INFO.metadata);
  });

  test('include the wait that the server requests', () => {
    const delayed = (retryDelay: object) => errorDetails(statusOf(['RetryInfo', { retryDelay }])).statusDetails;
    assert.equal(delayed({ seconds: 1, nanos: 500_000_000 }), [{ retryDelay: { seconds: 1, nanos: 500_000_000 } }]);
    assert.equal(delayed({}), [{ retryDelay: { seconds: 0, nanos: 0 } }]);
  });

  test('are empty if there are none, or if they cannot be decoded', () => {
    assert.equal(errorDetails(statusOf()), {});
    assert.equal(errorDetails(Buffer.alloc(0)), {});
    assert.equal(errorDetails(Buffer.from([0x1a, 0xff, 0xff])), {});
  });
});
