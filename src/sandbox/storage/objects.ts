import type { Call } from './call.ts';
import { download } from './download.ts';
import { checkCustomerKey, customerKeyOf } from './encryption.ts';
import { parseJsonObject } from './json-object.ts';
import { hasObjectRetention, patchObjectFields, refuseAcls } from './object-fields.ts';
import { flag } from './parameters.ts';
import { checkPreconditions, updateResource } from './resource.ts';
import { decideRetention } from './retention.ts';
import { shownObject } from './shown.ts';
import { invalid } from './storage-error.ts';

export function getObject(call: Call): Response {
  const { state, request, query, origin } = call;
  const bucket = state.bucket(call.bucket);
  const object = state.object(call.bucket, call.object, query.get('generation'));
  checkPreconditions(call, object.resource, true);
  const key = customerKeyOf(request);
  const isDownload = query.get('alt') === 'media';
  checkCustomerKey(object.resource, key, isDownload);
  if (isDownload) return download(request, object);
  return Response.json(shownObject(bucket, object, origin, key !== undefined));
}

export async function patchObject(call: Call): Promise<Response> {
  const { state, request, query, origin, require } = call;
  const patch = parseJsonObject(await request.text());
  const bucket = state.bucket(call.bucket);
  const object = state.object(call.bucket, call.object, query.get('generation'));
  const { resource } = object;
  checkPreconditions(call, resource);
  refuseAcls(bucket.resource, query, patch);
  const key = customerKeyOf(request);
  checkCustomerKey(resource, key, false);
  const fields = patchObjectFields(resource, patch);
  const override = flag(query, 'overrideUnlockedRetention');
  if (patch.retention !== undefined) require('storage.objects.setRetention');
  if (override) require('storage.objects.overrideUnlockedRetention');
  const now = state.clock.now();
  const isEnabled = hasObjectRetention(bucket.resource);
  const retention = decideRetention(patch.retention, resource.retention, { now, isEnabled, override });
  if (retention !== undefined && fields.eventBasedHold === true) {
    throw invalid('An object cannot have a retention and an event-based hold.');
  }
  if (resource.eventBasedHold === true && fields.eventBasedHold !== true) object.retainedFrom = now;
  object.resource = updateResource(resource, { ...fields, retention }, state.clock);
  return Response.json(shownObject(bucket, object, origin, key !== undefined));
}

export function deleteObject(call: Call): Response {
  const { state, query } = call;
  const generation = query.get('generation');
  checkPreconditions(call, state.object(call.bucket, call.object, generation).resource);
  state.removeObject(call.bucket, call.object, generation);
  return new Response(null, { status: 204 });
}
