import type { google } from '@google-cloud/firestore-api/protos';

/*
 * The messages of google.firestore.v1 as the proto loader provides them: 64-bit integers as decimal strings, enums by
 * name, unset fields omitted. https://cloud.google.com/firestore/docs/reference/rpc/google.firestore.v1
 */
export type Timestamp = google.protobuf.ITimestamp;
export type Value = google.firestore.v1.IValue;
export type Fields = Readonly<Record<string, Value>>;
export type Document = google.firestore.v1.IDocument;
export type DocumentMask = google.firestore.v1.IDocumentMask;
export type Precondition = google.firestore.v1.IPrecondition;
export type FieldTransform = google.firestore.v1.DocumentTransform.IFieldTransform;
export type Write = google.firestore.v1.IWrite;
export type WriteResult = google.firestore.v1.IWriteResult;

/** The fields of all requests combined; each method uses some. */
export type FirestoreRequest = google.firestore.v1.IGetDocumentRequest &
  google.firestore.v1.IBatchGetDocumentsRequest &
  google.firestore.v1.ICreateDocumentRequest &
  google.firestore.v1.IUpdateDocumentRequest &
  google.firestore.v1.IDeleteDocumentRequest &
  google.firestore.v1.ICommitRequest &
  google.firestore.v1.IListDocumentsRequest;
