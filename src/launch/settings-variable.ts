/** The variable through which the editor hands its own settings on; they go before the user's file, key by key. */
export const settingsVariable = 'STRATA_SETTINGS';
