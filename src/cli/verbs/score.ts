import { resolve } from 'node:path';
import { writeAtomic } from '../../base/files.ts';
import { fail } from '../../base/problem.ts';
import { lines, readUtf8 } from '../../data/text-file.ts';
import { openTokenizer } from '../../data/tokenizer.ts';
import { createScorer } from '../../engine/scorer.ts';
import type { ScoreRequest } from '../../engine/types.ts';
import { createEncoder, type Encoder } from '../../evaluate/encode.ts';
import type { Model } from '../../model/types.ts';
import { openModelArgument } from '../model-argument.ts';
import { chooseComputing, computing } from '../options.ts';
import { createProgress } from '../progress.ts';
import type { Verb } from '../verb.ts';

interface Asked {
  id: unknown;
  request: ScoreRequest;
}

/** Log-likelihoods of continuations: JSON lines in, JSON lines out, in the same order. */
export const score: Verb = {
  name: 'score',
  summary: 'log-likelihoods of continuations after contexts',
  configure(command) {
    computing(
      command
        .argument('<model>', 'folder, run, or an id in the local Hugging Face cache')
        .requiredOption(
          '--requests <file>',
          'JSON lines {id, context, continuation} or {id, context_ids, continuation_ids}',
        )
        .requiredOption('--out <file>', 'JSON lines {id, loglikelihood, is_greedy, tokens}'),
    );
  },
  async run(io, [argument = ''], options) {
    const { device, threads } = await chooseComputing(io, options);
    const model = await openModelArgument(argument, io.cwd);
    const asked = await readRequests(resolve(io.cwd, String(options['requests'])), model);
    const out = resolve(io.cwd, String(options['out']));
    const progress = createProgress(io, { unit: 'requests' });
    const scorer = await createScorer(model, { device, threads });
    try {
      const results = await scorer.score(
        asked.map((a) => a.request),
        (done, total) => progress.report('score', done, total),
      );
      progress.close();
      const records = results.map(({ loglikelihood, isGreedy, tokens }, i) =>
        JSON.stringify({ id: asked[i]!.id, loglikelihood, is_greedy: isGreedy, tokens }),
      );
      await writeAtomic(out, records.map((r) => `${r}\n`).join(''));
      const cut = results.filter((r) => r.truncated > 0).length;
      if (cut > 0) {
        io.err(
          `warning: ${cut} contexts were cut off at the left to fit the model's ${model.config.maxPositions} positions.`,
        );
      }
    } finally {
      progress.close();
      await scorer.dispose();
    }
    io.out(io.json ? JSON.stringify({ file: out, requests: asked.length }) : out);
    return 0;
  },
};

async function readRequests(file: string, model: Model): Promise<Asked[]> {
  const asked: Asked[] = [];
  let encoder: Encoder | undefined;
  for (const { text, number } of lines(await readUtf8(file))) {
    if (text.trim() === '') continue;
    const place = `${file}:${number}`;
    const record = parse(text, place);
    if (isIds(record['context_ids']) && isIds(record['continuation_ids'])) {
      asked.push({
        id: record['id'],
        request: { context: record['context_ids'], continuation: record['continuation_ids'] },
      });
      continue;
    }
    const { context, continuation } = record;
    if (typeof context !== 'string' || typeof continuation !== 'string' || continuation === '') {
      fail(
        'invalid-request',
        'The request has neither texts context and continuation nor lists of ids context_ids and continuation_ids.',
        {
          place,
          remedy: 'Write {"id": 1, "context": "…", "continuation": "…"}.',
        },
      );
    }
    encoder ??= createEncoder(await openTokenizer(model.tokenizerFolder ?? model.folder));
    asked.push({ id: record['id'], request: encoder.pair(context, continuation) });
  }
  if (asked.length === 0)
    fail('invalid-request', 'There is no request.', { place: file, remedy: 'Write one JSON object a line.' });
  return asked;
}

function parse(text: string, place: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // Said below, together with values that are no object.
  }
  return fail('invalid-json-line', 'This line is not a JSON object.', {
    place,
    remedy: 'Write one JSON object a line.',
  });
}

function isIds(value: unknown): value is number[] {
  return Array.isArray(value) && value.length > 0 && value.every(Number.isInteger);
}
