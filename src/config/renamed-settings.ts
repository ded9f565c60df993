/** Renamed and removed settings: path (`*` is any name), and the rest of a sentence that begins with "it". */
export type RenamedSettings = Readonly<Record<string, string>>;

/** Settings of earlier versions that were renamed or removed, for example `'source.leaseMs': 'is now source.ackDeadlineMs'`. */
export const RENAMED_SETTINGS: RenamedSettings = {
  'routes.*.device.pattern':
    'is now device.topic, the topic with names instead of levels, such as sites/{location}/devices/{DeviceID}/readings',
};

/** Returns what replaced a setting that no longer exists. */
export function renamedTo(path: string, renamed: RenamedSettings): string | undefined {
  const names = path.split('.');
  const found = Object.entries(renamed).find(([former]) => {
    const parts = former.split('.');
    return parts.length === names.length && parts.every((part, index) => part === '*' || part === names[index]);
  });
  return found?.[1];
}
