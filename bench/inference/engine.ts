// Strata as an engine of the benchmark: one step for each line on stdin, one JSON line as the answer.
// node --import tsx engine.ts CASE FOLDER THREADS
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { createGenerator } from '../../src/engine/generator.ts';
import { createScorer } from '../../src/engine/scorer.ts';
import { openModel } from '../../src/model/open.ts';
import { type Case, cases, requestsOf, tokens } from './cases.ts';

const [name = '', folder = '', given = '2'] = process.argv.slice(2);
const threads = Number(given);
/** Mean log-probability of the scored tokens, or the new ids. */
type Step = (step: number) => Promise<{ loss: number; ids?: number[] }>;

async function scoring(c: Extract<Case, { kind: 'choices' | 'score' }>): Promise<Step> {
  const scorer = await createScorer(await openModel(folder), { threads });
  return async (step) => {
    // As the product asks: choices are judged by whether they are greedy too, texts by their likelihood alone.
    const ask = c.kind === 'choices' ? scorer.score : scorer.likelihoods;
    const results = await ask(requestsOf(c, step));
    const sum = (of: (r: (typeof results)[number]) => number) => results.reduce((total, r) => total + of(r), 0);
    return { loss: -sum((r) => r.loglikelihood) / sum((r) => r.tokens) };
  };
}

async function generation(c: Extract<Case, { kind: 'generate' }>): Promise<Step> {
  const generator = await createGenerator(await openModel(folder), { threads });
  return async (step) => {
    const prompts = Array.from({ length: c.batch }, (_, row) => tokens(step, row, c.prompt));
    const ids = (await generator.generate(prompts, { maxTokens: c.tokens, endIds: [] })).flat();
    return { loss: 0, ids };
  };
}

const chosen = cases[name];
if (!chosen) throw new Error(`no case ${name}; there are ${Object.keys(cases).join(', ')}`);
const step = await (chosen.kind === 'generate' ? generation(chosen) : scoring(chosen));
let done = 0;
for await (const _ of createInterface({ input: process.stdin })) {
  const began = performance.now();
  const answer = await step(done++);
  const ms = performance.now() - began;
  const peak = Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) / 1024;
  console.log(JSON.stringify({ ms, ...answer, peakMB: Math.round(peak) }));
}
process.exit(0);
