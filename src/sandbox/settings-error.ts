/** A refused setting of the sandbox. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
}
