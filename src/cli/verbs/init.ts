import { mkdir, stat } from 'node:fs/promises';
import { dirname, relative, resolve } from 'node:path';
import { createOnce } from '../../base/files.ts';
import { fail } from '../../base/problem.ts';
import { starterFile } from '../../experiment/starter.ts';
import { openModel } from '../../model/open.ts';
import type { Model } from '../../model/types.ts';
import { modelFolder } from '../model-argument.ts';
import type { Verb } from '../verb.ts';

/** A commented experiment file for a model. Never overwrites. */
export const init: Verb = {
  name: 'init',
  summary: 'a commented experiment file for a model',
  configure(command) {
    command
      .argument('<model>', 'folder, run, or an id in the local Hugging Face cache')
      .argument('[file]', 'experiment file to be written', 'experiment.strata.yaml');
  },
  async run(io, [argument = '', file = 'experiment.strata.yaml'], _options) {
    const path = resolve(io.cwd, file);
    if (!/\.ya?ml$/.test(path)) fail('usage-file', `${file} is no YAML file.`, { remedy: 'Name it NAME.strata.yaml.' });
    const model = await openModel(await modelFolder(argument, io.cwd));
    const text = starterFile({
      reference: await referenceTo(model, argument, io.cwd, dirname(path)),
      layers: model.config.layers,
      hiddenSize: model.config.hiddenSize,
      positions: model.config.maxPositions,
      tokenizer: model.tokenizerFolder !== undefined,
    });
    await mkdir(dirname(path), { recursive: true });
    if (!(await createOnce(path, text)))
      fail('usage-file-exists', `${file} exists and is not overwritten.`, {
        remedy: 'Name another file, or remove it.',
      });
    if (io.json) io.out(JSON.stringify({ file: path }));
    else io.out(`${file}\nName your files where it says "<- your file", then: strata check ${file}`);
    return 0;
  },
};

/** What stands behind `model:`: an id of the local cache as it is, else the folder as it is seen from the file. */
async function referenceTo(model: Model, argument: string, cwd: string, from: string): Promise<string> {
  const isFolder = await stat(resolve(cwd, argument)).then(
    () => true,
    () => false,
  );
  const near = relative(from, model.folder) || '.';
  const isCached = !isFolder && model.kind === 'folder';
  if (isCached) return argument;
  return near.startsWith('..') && resolve(argument) === argument ? argument : near;
}
