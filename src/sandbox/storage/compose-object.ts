import { isJsonObject, parseJsonObject } from './json-object.ts';
import type { Call } from './operation.ts';
import { checkPreconditions } from './preconditions.ts';
import { invalid, required } from './storage-error.ts';
import { objectResource, type StoredObject, settableFields } from './stored-object.ts';

const MAX_SOURCES = 32;

/** Answers `storage.objects.compose`: 1 to 32 objects of a bucket, one after the other, as a new one. */
export async function composeObject(call: Call): Promise<Response> {
  const { state, request, query, origin, bucket, object } = call;
  const { sourceObjects, destination } = parseJsonObject(await request.text());
  if (!Array.isArray(sourceObjects) || sourceObjects.length === 0) throw required('sourceObjects');
  if (sourceObjects.length > MAX_SOURCES) {
    throw invalid(`The number of source components provided (${sourceObjects.length}) exceeds the maximum (32)`);
  }
  const sources = sourceObjects.map((source: unknown): StoredObject => {
    if (!isJsonObject(source) || typeof source.name !== 'string') throw required('sourceObjects.name');
    const found = state.object(bucket, source.name, source.generation === undefined ? null : String(source.generation));
    const wanted = isJsonObject(source.objectPreconditions) ? source.objectPreconditions.ifGenerationMatch : undefined;
    if (wanted !== undefined) checkPreconditions(new URLSearchParams({ ifGenerationMatch: String(wanted) }), found);
    return found;
  });
  const composed = {
    content: Buffer.concat(sources.map(({ content }) => content)),
    fields: isJsonObject(destination) ? settableFields(destination) : {},
    componentCount: sources.reduce((sum, source) => sum + (source.componentCount ?? 1), 0),
  };
  return Response.json(objectResource(bucket, state.putObject(bucket, object, composed, query), origin));
}
