/** A setting of the sandbox that is refused. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
}
