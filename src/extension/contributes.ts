import { colours } from './colours.ts';
import { type CommandRow, commands } from './commands.ts';
import { settings } from './settings.ts';

/** The parts of `package.json`'s `contributes` that follow from the tables, and their texts. */
export function contributes() {
  const rows = Object.entries(commands as Record<string, CommandRow>);
  const menus: Record<string, object[]> = {};
  for (const [command, { palette, menus: places = [] }] of rows) {
    if (palette !== undefined) add(menus, 'commandPalette', { command, when: palette === false ? 'false' : palette });
    for (const { at, when, group } of places) add(menus, at, { command, when, group });
  }
  return {
    commands: rows.map(([command, { icon, enablement }]) => ({
      command,
      title: `%command.${command}%`,
      category: 'Strata',
      ...(icon !== undefined && { icon: `$(${icon})` }),
      ...(enablement !== undefined && { enablement }),
    })),
    menus,
    colors: Object.entries(colours).map(([id, { defaults }]) => ({ id, description: `%colour.${id}%`, defaults })),
    configuration: {
      title: 'Strata',
      properties: Object.fromEntries(
        Object.entries(settings).map(([id, { description: _, restricted: __, ...rest }]) => [
          id,
          { ...rest, markdownDescription: `%setting.${id}%` },
        ]),
      ),
    },
  };
}

function add(menus: Record<string, object[]>, at: string, entry: object): void {
  menus[at] ??= [];
  menus[at].push(entry);
}

/** Settings that an untrusted folder may not decide. */
export function restrictedConfigurations(): string[] {
  return Object.entries(settings).flatMap(([id, { restricted }]) => (restricted ? [id] : []));
}

/** English texts of `package.nls.json` that follow from the tables. */
export function texts(): Record<string, string> {
  return Object.fromEntries([
    ...Object.entries(commands).map(([id, { title }]) => [`command.${id}`, title]),
    ...Object.entries(settings).map(([id, { description }]) => [`setting.${id}`, description]),
    ...Object.entries(colours).map(([id, { description }]) => [`colour.${id}`, description]),
  ]);
}
