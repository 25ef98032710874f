/** One setting: what `package.json` says of it, its description under `setting.<id>` in `package.nls.json`. */
interface SettingRow<T> {
  type: 'string' | 'number' | 'integer' | 'boolean';
  default: T;
  scope: 'machine' | 'machine-overridable' | 'window' | 'resource';
  description: string;
  minimum?: number;
  enum?: readonly T[];
  /** Not read from an untrusted folder. */
  restricted?: true;
}

const row = <T>(setting: SettingRow<T>): SettingRow<T> => setting;

/** Every setting, one row each; `test/unit/extension/manifest.test.ts` holds `package.json` equal to it. */
export const settings = {
  'strata.nodePath': row<string>({
    type: 'string',
    default: '',
    scope: 'machine',
    description:
      'Node.js (20 or newer) that runs experiments. Empty: the one that the editor brings. Only user and remote settings count.',
    restricted: true,
  }),
  'strata.sshPath': row<string>({
    type: 'string',
    default: '',
    scope: 'machine',
    description: 'The ssh program that reaches hosts. Empty: the one of the PATH. Only user and remote settings count.',
    restricted: true,
  }),
  'strata.sshConfigPath': row<string>({
    type: 'string',
    default: '',
    scope: 'machine',
    description:
      'The ssh configuration that names hosts. Empty: that of ssh itself. Only user and remote settings count.',
    restricted: true,
  }),
  'strata.jobs': row<number>({
    type: 'integer',
    default: 1,
    minimum: 1,
    scope: 'machine-overridable',
    description: 'How many runs may be at work at once; they share the cores.',
  }),
  'strata.confirmLongerThan': row<number>({
    type: 'number',
    default: 10,
    minimum: 0,
    scope: 'window',
    description: 'Minutes: an experiment that is estimated to take longer is shown as a plan and asked about first.',
  }),
  'strata.notifyWhenDone': row<boolean>({
    type: 'boolean',
    default: true,
    scope: 'window',
    description: 'Show one notification when an experiment has ended.',
  }),
  'strata.trace.server': row<string>({
    type: 'string',
    default: 'off',
    enum: ['off', 'messages', 'verbose'],
    scope: 'window',
    description: 'What is logged of the traffic between the editor and the language server.',
  }),
};

export type SettingId = keyof typeof settings;
export type SettingValue<K extends SettingId> = (typeof settings)[K]['default'];
