import * as v from 'valibot';

/** https://cloud.google.com/storage/docs/storage-classes, with the older ones that the API still accepts. */
export const storageClass = v.picklist([
  'STANDARD',
  'NEARLINE',
  'COLDLINE',
  'ARCHIVE',
  'MULTI_REGIONAL',
  'REGIONAL',
  'DURABLE_REDUCED_AVAILABILITY',
]);
