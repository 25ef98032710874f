export const parts: Record<string, { workspace: string; restricted: boolean }>;
export function entryOf(root: string, name: string): string;
export const desktopSettings: Record<string, unknown>;
export function desktopArguments(start: { root: string; name: string; folder: string; data: string }): string[];
