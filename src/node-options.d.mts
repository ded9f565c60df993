export const NODE_OPTIONS: readonly string[];
export const ALLOCATOR_ENV: Readonly<Record<string, string>>;
export function missingNodeOptions(): string[];
