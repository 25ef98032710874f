import * as vscode from 'vscode';
import type { SettingId, SettingValue } from './settings.ts';

/** A setting's value as it is now. */
export function setting<K extends SettingId>(id: K): SettingValue<K> {
  const [section, ...rest] = id.split('.');
  return vscode.workspace.getConfiguration(section).get(rest.join('.')) as SettingValue<K>;
}
