import { createHash } from 'node:crypto';
import * as v from 'valibot';
import { isJsonObject } from './json-object.ts';
import type { Resource } from './resource.ts';
import { conditionNotMet, notImplemented, StorageError } from './storage-error.ts';

/** A customer-supplied key in an object's resource; the key itself is not kept. */
export interface CustomerKey {
  readonly encryptionAlgorithm: 'AES256';
  readonly keySha256: string;
}

const KEY_BYTES = 32;
/** 32 bytes in base64. */
const BASE64_KEY = /^[A-Za-z0-9+/]{43}=$/;

/** Reads the key in a call's headers. https://cloud.google.com/storage/docs/encryption/customer-supplied-keys */
export function customerKeyOf({ headers }: Request): CustomerKey | undefined {
  if (headers.has('x-goog-encryption-kms-key-name')) throw notImplemented('Cloud KMS keys');
  const algorithm = headers.get('x-goog-encryption-algorithm');
  const key = headers.get('x-goog-encryption-key');
  const keySha256 = headers.get('x-goog-encryption-key-sha256');
  if (algorithm === null && key === null && keySha256 === null) return undefined;
  if (algorithm !== 'AES256') {
    throw new StorageError(
      400,
      'customerEncryptionAlgorithmIsInvalid',
      'Missing an encryption algorithm, or the provided algorithm is not "AES256."',
    );
  }
  const bytes = Buffer.from(key ?? '', 'base64');
  if (key === null || !BASE64_KEY.test(key) || bytes.byteLength !== KEY_BYTES) {
    throw new StorageError(
      400,
      'customerEncryptionKeyFormatIsInvalid',
      'Missing an encryption key, or it is not Base64 encoded, or it does not meet the required length of the encryption algorithm.',
    );
  }
  if (createHash('sha256').update(bytes).digest('base64') !== keySha256) {
    throw new StorageError(
      400,
      'customerEncryptionKeySha256IsInvalid',
      'Missing a SHA256 hash of the encryption key, or it is not Base64 encoded, or it does not match the encryption key.',
    );
  }
  return { encryptionAlgorithm: algorithm, keySha256 };
}

/** Throws unless `given` is the object's key. Only `reading` content requires the key. */
export function checkCustomerKey({ customerEncryption }: Resource, given: CustomerKey | undefined, reading: boolean) {
  const stored = isJsonObject(customerEncryption) ? customerEncryption.keySha256 : undefined;
  if (given === undefined) {
    if (stored === undefined || !reading) return;
    throw new StorageError(
      400,
      'resourceIsEncryptedWithCustomerEncryptionKey',
      'The target object is encrypted by a customer-supplied encryption key.',
    );
  }
  if (stored === undefined) {
    throw new StorageError(
      400,
      'resourceNotEncryptedWithCustomerEncryptionKey',
      'The target object is not encrypted by a customer-supplied encryption key.',
    );
  }
  if (stored !== given.keySha256) {
    throw new StorageError(400, 'customerEncryptionKeyIsIncorrect', 'The provided encryption key is incorrect.');
  }
}

const enforcement = v.object({ restrictionMode: v.picklist(['NotRestricted', 'FullyRestricted']) });

/** The kinds of encryption that a bucket refuses for new objects. */
export const encryptionSchema = v.object({
  googleManagedEncryptionEnforcementConfig: v.optional(enforcement),
  customerManagedEncryptionEnforcementConfig: v.optional(enforcement),
  customerSuppliedEncryptionEnforcementConfig: v.optional(enforcement),
});

/**
 * Throws 412 if the bucket refuses the encryption of a new object.
 * https://cloud.google.com/storage/docs/encryption/enforce-encryption-types
 */
export function checkEnforcement({ encryption }: Resource, key: CustomerKey | undefined): void {
  if (!isJsonObject(encryption)) return;
  const kind = key === undefined ? 'googleManaged' : 'customerSupplied';
  const config = encryption[`${kind}EncryptionEnforcementConfig`];
  if (!isJsonObject(config) || config.restrictionMode !== 'FullyRestricted') return;
  throw conditionNotMet(
    "Requested encryption type for object is not compliant with the bucket's encryption enforcement configuration.",
  );
}
