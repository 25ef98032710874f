import { fail } from '../../base/problem.ts';
import { openTokenizer } from '../../data/tokenizer.ts';
import { createGenerator } from '../../engine/generator.ts';
import { createEncoder } from '../../evaluate/encode.ts';
import { openModelArgument } from '../model-argument.ts';
import { chooseComputing, computing, numberWithin, wholeNumber } from '../options.ts';
import { createProgress } from '../progress.ts';
import type { Verb } from '../verb.ts';

/** Continues a prompt: the new text, or with --json `{text, ids}` of the new tokens. */
export const generate: Verb = {
  name: 'generate',
  summary: 'continue a prompt',
  configure(command) {
    computing(
      command
        .argument('<model>', 'folder, run, or an id in the local Hugging Face cache')
        .requiredOption('--prompt <text>', 'what is continued')
        .option('--max-tokens <n>', 'most new tokens', '64')
        .option('--temperature <t>', '0 takes the likeliest token each time', '0')
        .option('--top-p <p>', 'only the likeliest tokens that have this probability together', '1')
        .option('--seed <s>', 'seed of the choices where the temperature is above 0', '0'),
    );
  },
  async run(io, [argument = ''], options) {
    const { device, threads } = await chooseComputing(io, options);
    const sampling = {
      maxTokens: wholeNumber(options, 'max-tokens', 1),
      temperature: numberWithin(options, 'temperature', 0, Number.POSITIVE_INFINITY),
      topP: numberWithin(options, 'top-p', 0, 1),
      seed: wholeNumber(options, 'seed', 0),
    };
    const model = await openModelArgument(argument, io.cwd);
    const tokenizer = await openTokenizer(model.tokenizerFolder ?? model.folder);
    const encoder = createEncoder(tokenizer);
    const ids = encoder.encode(String(options['prompt']));
    const { maxPositions, eosTokenIds } = model.config;
    if (sampling.maxTokens >= maxPositions) {
      fail(
        'usage-max-tokens',
        `--max-tokens ${sampling.maxTokens} leaves no place for the prompt in the model's ${maxPositions} positions.`,
        {
          remedy: `Ask for at most ${maxPositions - 1}.`,
        },
      );
    }
    if (ids.length > maxPositions - sampling.maxTokens) {
      io.err(
        `warning: the prompt's ${ids.length} tokens were cut off at the left to ${maxPositions - sampling.maxTokens}.`,
      );
    }
    const generator = await createGenerator(model, { device, threads });
    const progress = createProgress(io, { unit: 'tokens' });
    try {
      const endIds = tokenizer.eosId === undefined ? eosTokenIds : [...eosTokenIds, tokenizer.eosId];
      const prompt = ids.length > 0 ? ids : [encoder.prefixId];
      const watch = (newIds: readonly number[]) => {
        progress.report('generate', newIds.length, sampling.maxTokens);
        return false;
      };
      const [newIds] = await generator.generate([prompt], { ...sampling, endIds, stop: watch });
      progress.close();
      const text = tokenizer.decode(newIds!, { skipSpecialTokens: true });
      io.out(io.json ? JSON.stringify({ text, ids: newIds }) : text);
    } finally {
      progress.close();
      await generator.dispose();
    }
    return 0;
  },
};
