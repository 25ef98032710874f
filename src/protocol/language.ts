// What the extension and the language server say to each other beside the Language Server Protocol.

/** `initializationOptions` of the language client. */
export interface LanguageOptions {
  /** false: tokenizers and chat templates are left alone, and no results are shown. Default true. */
  trusted?: boolean;
}

/** Notification to the server: the user trusts the folder now. Parameters: `LanguageOptions`. */
export const trustNotification = 'strata/trust';

/** Commands that code lenses carry. The extension carries them out. */
export const lensCommands = { run: 'strata.run', plan: 'strata.plan', compare: 'strata.compare' } as const;

/** Arguments of each of them: the document, and an arm where only one is meant. */
export type LensArguments = [uri: string, arm?: string];
