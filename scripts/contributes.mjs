// Writes what package.json and package.nls.json say of commands, menus, settings and colours from the tables of src/extension.
//   node --import tsx scripts/contributes.mjs        (a test fails while they differ)
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { contributes, restrictedConfigurations, texts } from '../src/extension/contributes.ts';

const file = (name) => new URL(`../${name}`, import.meta.url);
const read = (name) => (existsSync(file(name)) ? JSON.parse(readFileSync(file(name), 'utf8')) : {});
const write = (name, value) => writeFileSync(file(name), `${JSON.stringify(value, null, 2)}\n`);

const manifest = read('package.json');
manifest.contributes = { ...manifest.contributes, ...contributes() };
manifest.capabilities.untrustedWorkspaces.restrictedConfigurations = restrictedConfigurations();
write('package.json', manifest);

// Texts of other contributions (views, walkthrough, tools) are written by hand and stay.
const others = Object.entries(read('package.nls.json')).filter(([key]) => !/^(command|setting|colour)\./.test(key));
write('package.nls.json', { ...texts(), ...Object.fromEntries(others) });
