export const NODE_OPTIONS: readonly string[];
export function missingNodeOptions(): string[];
