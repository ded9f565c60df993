/** Formats shared with other programs: the envelope, the archive line, and the identity of a message. */

export { type ArchiveLine, archiveLine, lineText } from './archive-line.ts';
export { type ArchivedMessage, archivedMessage } from './archived-message.ts';
export { decodeEnvelope, encodeEnvelope, enriched, envelopeOf, openEnvelope } from './envelope/envelope.ts';
export { type IdentityConfig, type IdentityOf, identityBy, identitySchema } from './identity.ts';
