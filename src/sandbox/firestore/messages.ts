/**
 * The messages of google.firestore.v1 as the proto loader gives them: camel case, 64-bit integers as decimal strings,
 * enums by name, unset fields left out, and the set member of a `oneof` named beside it.
 * https://cloud.google.com/firestore/docs/reference/rpc/google.firestore.v1
 */
export interface Timestamp {
  readonly seconds?: string;
  readonly nanos?: number;
}

export type Fields = Readonly<Record<string, Value>>;

export type Value =
  | { readonly valueType: 'nullValue'; readonly nullValue: 'NULL_VALUE' }
  | { readonly valueType: 'booleanValue'; readonly booleanValue: boolean }
  | { readonly valueType: 'integerValue'; readonly integerValue: string }
  | { readonly valueType: 'doubleValue'; readonly doubleValue: number }
  | { readonly valueType: 'timestampValue'; readonly timestampValue: Timestamp }
  | { readonly valueType: 'stringValue'; readonly stringValue: string }
  | { readonly valueType: 'bytesValue'; readonly bytesValue: Uint8Array }
  | { readonly valueType: 'referenceValue'; readonly referenceValue: string }
  | { readonly valueType: 'geoPointValue'; readonly geoPointValue: { latitude?: number; longitude?: number } }
  | { readonly valueType: 'arrayValue'; readonly arrayValue: { readonly values?: readonly Value[] } }
  | { readonly valueType: 'mapValue'; readonly mapValue: { readonly fields?: Fields } };

export interface Document {
  readonly name: string;
  readonly fields?: Fields;
  readonly createTime?: Timestamp;
  readonly updateTime?: Timestamp;
}

export interface DocumentMask {
  readonly fieldPaths?: readonly string[];
}

export interface Precondition {
  readonly exists?: boolean;
  readonly updateTime?: Timestamp;
}

interface Values {
  readonly values?: readonly Value[];
}

export type FieldTransform = { readonly fieldPath: string } & (
  | { readonly transformType: 'setToServerValue'; readonly setToServerValue: string }
  | { readonly transformType: 'increment'; readonly increment: Value }
  | { readonly transformType: 'maximum'; readonly maximum: Value }
  | { readonly transformType: 'minimum'; readonly minimum: Value }
  | { readonly transformType: 'appendMissingElements'; readonly appendMissingElements: Values }
  | { readonly transformType: 'removeAllFromArray'; readonly removeAllFromArray: Values }
);

export interface Write {
  readonly update?: Document;
  readonly delete?: string;
  readonly transform?: { readonly document: string; readonly fieldTransforms?: readonly FieldTransform[] };
  readonly updateMask?: DocumentMask;
  readonly updateTransforms?: readonly FieldTransform[];
  readonly currentDocument?: Precondition;
}

export interface WriteResult {
  readonly updateTime?: Timestamp;
  readonly transformResults?: readonly Value[];
}

/** Reads at a time, or in a transaction: the sandbox has neither. */
export interface ConsistencySelector {
  readonly transaction?: Uint8Array;
  readonly newTransaction?: object;
  readonly readTime?: Timestamp;
}

export interface ListDocumentsRequest extends ConsistencySelector {
  readonly parent?: string;
  readonly collectionId?: string;
  readonly pageSize?: number;
  readonly pageToken?: string;
  readonly orderBy?: string;
  readonly mask?: DocumentMask;
  readonly showMissing?: boolean;
}
