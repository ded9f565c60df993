import type { Bucket } from '@google-cloud/storage';
import * as assert from 'uvu/assert';
import { apiFailure, isRecord } from '../../testing/api-failure.ts';
import { refusalOf, startTestStorage } from '../../testing/storage-client.ts';
import { suite } from '../../testing/suite.ts';

/** Not a 5xx, even 501: the official Go client repeats a call after any of them for as long as it may. */
const NOT_IMPLEMENTED = [400, 'notImplemented'];

suite('requests and answers of the JSON API', ({ test, before, after, beforeEach }) => {
  let server: Awaited<ReturnType<typeof startTestStorage>>;
  let bucket: Bucket;
  let buckets = 0;
  const save = (name: string) => bucket.file(name).save('x', { resumable: false });
  const get = async (path: string, headers: Record<string, string> = {}) => {
    const response = await fetch(`${server.origin}/storage/v1/${path}`, { headers });
    const text = await response.text();
    const body: unknown = text === '' ? {} : JSON.parse(text);
    return { status: response.status, body: isRecord(body) ? body : {} };
  };
  const reasonOf = async (path: string) => {
    const { status, body } = await get(path);
    const { errors } = isRecord(body.error) ? body.error : {};
    const [first]: unknown[] = Array.isArray(errors) ? errors : [];
    return [status, isRecord(first) ? first.reason : undefined];
  };

  before(async () => {
    server = await startTestStorage();
  });
  after(() => server.close());
  beforeEach(async () => {
    buckets += 1;
    [bucket] = await server.client().createBucket(`requests-${buckets}`);
  });

  test("an object has the service's fields, with working links", async () => {
    const name = 'dir/ü 1';
    await save(name);
    const [first] = await bucket.file(name).getMetadata();
    assert.is(first.kind, 'storage#object');
    assert.is(first.id, `${bucket.name}/${name}/${first.generation}`);
    assert.is(first.bucket, bucket.name);
    assert.is(first.storageClass, 'STANDARD');
    assert.is(first.timeStorageClassUpdated, first.timeCreated);
    assert.is(first.selfLink, `${server.origin}/storage/v1/b/${bucket.name}/o/${encodeURIComponent(name)}`);
    assert.is(await (await fetch(String(first.mediaLink))).text(), 'x');
    const linked: unknown = await (await fetch(String(first.selfLink))).json();
    assert.is(isRecord(linked) ? linked.id : undefined, first.id);
    const [patched] = await bucket.file(name).setMetadata({ metadata: { k: 'v' } });
    assert.ok(first.etag && patched.etag && first.etag !== patched.etag);
    const [[listed]] = await bucket.getFiles();
    assert.is(listed?.metadata.etag, patched.etag);
  });

  test("a bucket has the service's fields, and sets the storage class of new objects", async () => {
    const [metadata] = await bucket.getMetadata();
    assert.is(metadata.kind, 'storage#bucket');
    assert.is(metadata.id, bucket.name);
    assert.match(String(metadata.projectNumber), /^\d+$/);
    assert.is(metadata.selfLink, `${server.origin}/storage/v1/b/${bucket.name}`);
    const uniform = metadata.iamConfiguration?.uniformBucketLevelAccess;
    assert.equal(uniform, { enabled: false });
    const [patched] = await bucket.setMetadata({ storageClass: 'NEARLINE' });
    assert.is.not(patched.etag, metadata.etag);
    await save('near');
    assert.is((await bucket.file('near').getMetadata())[0].storageClass, 'NEARLINE');
    const other = await get('b?project=another-project');
    assert.equal(other.body.items, [], 'buckets are listed by project');
  });

  test('an ETag is a precondition', async () => {
    await save('tagged');
    const [{ etag = '' }] = await bucket.file('tagged').getMetadata();
    const path = `b/${bucket.name}/o/tagged`;
    assert.is((await get(path, { 'if-none-match': `"${etag}"` })).status, 304);
    assert.is((await get(path, { 'if-match': `"${etag}"` })).status, 200);
    assert.is((await get(path, { 'if-match': '"other"' })).status, 412);
  });

  test('the parameter fields selects the returned fields', async () => {
    await save('a');
    const path = `b/${bucket.name}/o`;
    assert.equal((await get(`${path}?fields=items(name,size)`)).body, { items: [{ name: 'a', size: '1' }] });
    assert.equal((await get(`${path}/a?fields=name, bucket`)).body, { name: 'a', bucket: bucket.name });
    assert.equal((await get(`${path}?fields=items/name,kind`)).body, {
      kind: 'storage#objects',
      items: [{ name: 'a' }],
    });
    assert.equal(await reasonOf(`${path}?fields=items(`), [400, 'invalidParameter']);
    await bucket.file('b').save('{"stays":1}', { resumable: false, contentType: 'application/json' });
    assert.equal((await get(`${path}/b?alt=media&fields=name`)).body, { stays: 1 }, 'content is not an answer');
  });

  test('booleans are read in any case, and other values are refused', async () => {
    await bucket.setMetadata({ versioning: { enabled: true } });
    await save('a');
    await save('a');
    for (const [value, count] of [
      ['True', 2],
      ['TRUE', 2],
      ['False', 1],
    ] as const) {
      const { body } = await get(`b/${bucket.name}/o?versions=${value}`);
      assert.is(Array.isArray(body.items) ? body.items.length : 0, count, value);
    }
    assert.equal(await reasonOf(`b/${bucket.name}/o?versions=1`), [400, 'invalidParameter']);
  });

  test('a parameter that the service refuses or the sandbox lacks is refused', async () => {
    const path = `b/${bucket.name}/o`;
    for (const query of ['projection=some', 'maxResults=-1', 'generation=x', 'ifGenerationMatch=one']) {
      assert.equal(await reasonOf(`${path}?${query}`), [400, 'invalidParameter'], query);
    }
    assert.equal(await reasonOf(`${path}?alt=xml`), [400, 'invalidAltValue']);
    for (const query of ['matchGlob=**', 'softDeleted=true', 'filter=contexts', 'callback=f']) {
      assert.equal(await reasonOf(`${path}?${query}`), NOT_IMPLEMENTED, query);
    }
    for (const query of [
      'projection=noAcl',
      'prettyPrint=false',
      'softDeleted=False',
      'matchGlob=',
      'unknown=ignored',
    ]) {
      assert.is((await get(`${path}?${query}`)).status, 200, query);
    }
    assert.equal(await reasonOf('b'), [400, 'required']);
    const upload = `${server.origin}/upload/storage/v1/${path}`;
    for (const query of ['uploadType=magic&name=x', 'name=x', 'uploadType=media']) {
      assert.is((await fetch(`${upload}?${query}`, { method: 'POST', body: 'x' })).status, 400, query);
    }
  });

  test('every parameter of a list may be given with its default, as the official Go client does', async () => {
    await save('a/1');
    await save('b');
    const defaults =
      'projection=full&delimiter=&prefix=&startOffset=&endOffset=&versions=false&includeTrailingDelimiter=false&matchGlob=&includeFoldersAsPrefixes=false&pageToken=';
    const { status, body } = await get(`b/${bucket.name}/o?${defaults}&fields=items(name,acl,owner)`);
    assert.is(status, 200);
    assert.equal(body.items, [{ name: 'a/1' }, { name: 'b' }], 'and shows no ACLs');
    for (const path of [`b/${bucket.name}`, `b/${bucket.name}/o/b`]) {
      assert.is((await get(`${path}?projection=full`)).status, 200, path);
    }
  });

  test('calls that the sandbox lacks, with a wrong method, and that do not exist get different errors', async () => {
    for (const [method, path, status, reason] of [
      ['PUT', `b/${bucket.name}`, 400, 'notImplemented'],
      ['GET', `b/${bucket.name}/o/a/acl`, 400, 'notImplemented'],
      ['POST', `b/${bucket.name}/o/a/rewriteTo/b/c/o/d`, 400, 'notImplemented'],
      ['POST', `b/${bucket.name}/o`, 400, 'wrongUrlForUpload'],
      ['POST', `b/${bucket.name}/o/a`, 405, 'methodNotAllowed'],
      ['GET', `b/${bucket.name}/o/a/b`, 404, 'notFound'],
      ['PUT', 'c/d', 404, 'notFound'],
    ] as const) {
      const response = await fetch(`${server.origin}/storage/v1/${path}`, { method });
      assert.is(response.status, status, `${method} ${path}`);
      assert.match(await response.text(), `"reason":"${reason}"`);
    }
  });

  test('an object name that the service refuses is refused', async () => {
    for (const name of ['.', '..', '.well-known/acme-challenge/x', 'a\nb', 'a\rb', 'x'.repeat(1025), 'ü'.repeat(513)]) {
      assert.equal(await refusalOf(save(name)), [400, 'invalid'], JSON.stringify(name));
    }
    const upload = `${server.origin}/upload/storage/v1/b/${bucket.name}/o?uploadType=media&name=`;
    for (const name of ['', '%FF', 'a%C3']) {
      assert.is((await fetch(upload + name, { method: 'POST', body: 'x' })).status, 400, name);
    }
    for (const name of ['ü'.repeat(512), '.a', 'a/../b', '.well-known/x', 'a\tb']) {
      await save(name);
      await bucket.file(name).delete();
    }
  });

  test('a failed precondition names its header, like the service', async () => {
    await save('a');
    const { status, body } = await get(`b/${bucket.name}/o/a?ifGenerationMatch=0`);
    const message = 'At least one of the pre-conditions you specified did not hold.';
    assert.is(status, 412);
    assert.equal(body.error, {
      code: 412,
      message,
      errors: [{ message, domain: 'global', reason: 'conditionNotMet', locationType: 'header', location: 'If-Match' }],
    });
    assert.is((await apiFailure(bucket.file('b').download())).code, 404);
  });
});
