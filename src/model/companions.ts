import { copyFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** Files beside weights and config that belong to a model: tokenizer, chat template, generation settings, licence. */
const companions = [
  /^tokenizer\.json$/,
  /^tokenizer_config\.json$/,
  /^tokenizer\.model$/,
  /^special_tokens_map\.json$/,
  /^added_tokens\.json$/,
  /^vocab\.(json|txt)$/,
  /^merges\.txt$/,
  /^chat_template\.(jinja|json)$/,
  /^generation_config\.json$/,
  /^(LICENSE|NOTICE|USE_POLICY)(\.\w+)?$/i,
];

/** Whether a file of this name belongs to a model beside its weights and config. */
export const isCompanion = (name: string) => companions.some((pattern) => pattern.test(name));

/** Copies a model's companion files; of several folders the first that has a file wins. Links are followed. */
export async function copyCompanions(folders: readonly string[], out: string): Promise<void> {
  const copied = new Set<string>();
  for (const folder of folders) {
    for (const name of await readdir(folder)) {
      if (copied.has(name) || !isCompanion(name)) continue;
      await copyFile(join(folder, name), join(out, name));
      copied.add(name);
    }
  }
}
