/** Values for pipelines that run on a sandbox: ports that do not clash, a bucket, and objects that one need not wait for. */
export const SANDBOX_DEFAULTS = { HTTP_PORT: '0', ARCHIVE_BUCKET: 'archive', ARCHIVE_MAX_AGE_MS: '1000' } as const;
