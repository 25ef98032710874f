import { notAvailable } from '../available.ts';
import { type Check, changeTo } from './check.ts';

/** What the table of `available.ts` says, as a row of checks. */
export const availableChecks: Check[] = [
  {
    code: 'not-available',
    severity: 'error',
    needs: 'file',
    rule: 'What this version does not carry out is never ignored.',
    *check(context) {
      for (const { places, instead, fix } of notAvailable)
        for (const path of places(context)) {
          const section = typeof context.tree.at(path) === 'object' && !fix;
          const written = context.tree.at(path);
          const key = path.at(-1);
          const what =
            typeof written !== 'string' ? String(key) : typeof key === 'string' ? `${key}: ${written}` : written;
          yield {
            path,
            ...(section && { part: 'key' as const }),
            message: `\`${what}\` is not available in this version. ${instead}`,
            fixes: fix ? changeTo(context.tree, path, fix) : [],
          };
        }
    },
  },
];
