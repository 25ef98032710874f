export const bundle: { folder: string; file: string };
export function files(): string[];
export function textsOf(file: string): string[];
export function forgottenIn(file: string): string[];
