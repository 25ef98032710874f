// The parts of the suite that runs inside VS Code, and how a desktop VS Code is started on one of them.
import { join } from 'node:path';

/** Each part is one start of VS Code; `reload` goes on in the folder that `main` left. */
export const parts = {
  main: { workspace: 'main', restricted: false },
  reload: { workspace: 'main', restricted: false },
  days: { workspace: 'days', restricted: false },
  hosts: { workspace: 'hosts', restricted: false },
  restricted: { workspace: 'restricted', restricted: true },
};

/** The compiled entry of a part: a module that exports `run(): Promise<void>`. */
export const entryOf = (root, name) => join(root, 'dist', 'test', `${name}.cjs`);

/** Settings of the desktop's user: nothing asks, nothing is sent. An untrusted folder is opened without a question. */
export const desktopSettings = {
  'security.workspace.trust.startupPrompt': 'never',
  'security.workspace.trust.banner': 'never',
  'workbench.startupEditor': 'none',
  'workbench.enableExperiments': false,
  'chat.disableAIFeatures': true,
  'telemetry.telemetryLevel': 'off',
  'extensions.ignoreRecommendations': true,
  'git.enabled': false,
  'update.mode': 'none',
};

/**
 * Arguments of a desktop VS Code. Those that `runTests` of @vscode/test-electron gives, but for one: it switches workspace
 * trust off always, and then there is no Restricted Mode to test.
 */
export function desktopArguments({ root, name, folder, data }) {
  return [
    folder,
    `--extensionDevelopmentPath=${root}`,
    `--extensionTestsPath=${entryOf(root, name)}`,
    `--user-data-dir=${data}`,
    `--extensions-dir=${join(data, 'extensions')}`,
    '--disable-extensions',
    '--no-sandbox',
    '--disable-gpu-sandbox',
    '--disable-updates',
    '--skip-welcome',
    '--skip-release-notes',
    ...(parts[name].restricted ? [] : ['--disable-workspace-trust']),
  ];
}
