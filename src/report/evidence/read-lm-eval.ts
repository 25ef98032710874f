import type { SampleRecord, Scores } from '../../record/types.ts';
import { type HarnessResults, type HarnessSample, metricUnder, ratioFields } from './lm-eval-fields.ts';

const numberOf = (value: unknown): number | undefined => {
  const read = typeof value === 'number' ? value : typeof value === 'string' ? Number(value) : Number.NaN;
  return Number.isFinite(read) ? read : undefined;
};

/** Context and continuation (or options) of each request of a document. */
function requestsOf({ arguments: args }: HarnessSample): unknown[][] {
  if (Array.isArray(args)) return args;
  return Object.values(args).map((request) => Object.values(request));
}

/** What one request was answered: of a log-likelihood `[value, is greedy]`, of a text the text. */
const first = (responses: unknown[]): unknown => (Array.isArray(responses[0]) ? responses[0][0] : responses[0]);

/**
 * The documents of a task as Strata records them. A document stands on one line a filter; its metrics come together, with
 * the filter in their names. Documents of a perplexity have no target of their own, so that they pair with Strata's.
 */
export function readSamples(lines: readonly HarnessSample[]): SampleRecord[] {
  const documents = new Map<number, SampleRecord>();
  for (const line of lines) {
    const record = documents.get(line.doc_id) ?? document(line);
    documents.set(line.doc_id, record);
    for (const metric of line.metrics) {
      if (metric in ratioFields) continue;
      const value = numberOf(typeof line[metric] === 'boolean' ? Number(line[metric]) : line[metric]);
      if (value !== undefined) record[metricUnder(metric, line.filter)] = value;
    }
  }
  return [...documents.values()].sort((a, b) => a.doc_id - b.doc_id);
}

function document(line: HarnessSample): SampleRecord {
  const { doc_id, prompt_hash, target_hash, metrics } = line;
  const ratio = metrics.find((metric) => metric in ratioFields);
  if (ratio !== undefined) return { doc_id, prompt_hash, ...likelihood(line) };
  const requests = requestsOf(line);
  const context = requests[0]?.[0];
  const continuations = requests.map((request) => request[1]);
  if (continuations.length > 1 && continuations.every((c) => typeof c === 'string')) {
    return { doc_id, prompt_hash, target_hash, context, continuations, ...choices(line) };
  }
  const generated = first(line.resps[0] ?? []);
  return {
    doc_id,
    prompt_hash,
    target_hash,
    context,
    target: line.target,
    generated,
    filtered: line.filtered_resps[0],
  };
}

function likelihood(line: HarnessSample): Record<string, number> {
  const read: Record<string, number> = {};
  for (const [metric, field] of Object.entries(ratioFields)) {
    const value = line[metric];
    if (!Array.isArray(value)) continue;
    const [sum, count] = value.map(numberOf);
    if (sum !== undefined) read['loglikelihood'] = sum;
    if (count !== undefined) read[field] = count;
  }
  return read;
}

function choices({ target, resps }: HarnessSample): Record<string, unknown> {
  const answers = resps.map((responses) => responses[0]);
  const gold = numberOf(target);
  return {
    ...(gold !== undefined && { gold }),
    loglikelihoods: answers.map((a) => numberOf(Array.isArray(a) ? a[0] : a) ?? Number.NaN),
    is_greedy: answers.map((a) => Array.isArray(a) && String(a[1]) === 'True'),
  };
}

/** The scores of `results_<date>.json`: `"acc,none"` with `"acc_stderr,none"`, which is `"N/A"` where there is none. */
export function readScores({ results, 'n-samples': counts = {} }: HarnessResults): Scores {
  const scores: Scores = {};
  for (const [task, entries] of Object.entries(results)) {
    const own: Scores[string] = {};
    for (const [key, value] of Object.entries(entries)) {
      const [name = '', filter = ''] = key.split(',');
      const read = numberOf(value);
      if (filter === '' || name.endsWith('_stderr') || typeof value !== 'number' || read === undefined) continue;
      const n = counts[task]?.effective ?? numberOf(entries['sample_len']) ?? 0;
      const stderr = entries[`${name}_stderr,${filter}`];
      own[metricUnder(name, filter)] = { value: read, stderr: typeof stderr === 'number' ? stderr : null, n };
    }
    if (Object.keys(own).length > 0) scores[task] = own;
  }
  return scores;
}
