import { sentence } from '../../base/problem.ts';
import { removeEntry } from '../edits.ts';
import type { FileFacts } from '../facts.ts';
import { perplexityCorpus } from '../references.ts';
import type { Path } from '../tree.ts';
import { type Check, type CheckContext, changeTo, type Finding } from './check.ts';

const jsonLines = /\.(jsonl|ndjson)$/i;
const plainText = /\.(txt|md)$/i;

/** A key of a corpus that only belongs to another kind of files. */
function* keyWithoutFiles(
  { experiment, tree }: CheckContext,
  key: 'field' | 'split',
  others: RegExp,
  message: string,
): Iterable<Finding> {
  for (const [name, corpus] of Object.entries(experiment.corpora))
    if (corpus.kind === 'text' && corpus[key] !== undefined && corpus.files.every((f) => others.test(f))) {
      const path = ['corpora', name, key];
      yield { path, part: 'key', message, fixes: [{ title: `Remove '${key}'`, edits: removeEntry(tree, path) }] };
    }
}

/** What is known of the files behind a key. */
function* fileFindings(facts: FileFacts | undefined, written: readonly string[], path: Path): Iterable<Finding> {
  if (facts?.problem) {
    yield { path, code: facts.problem.code, message: sentence(facts.problem) };
  } else if (facts?.files.length === 0)
    yield { path, message: `No file matches ${written.join(', ')}. Check the path; it is relative to this file.` };
}

/** Why a regular expression cannot be used to take an answer out of a text. */
function patternProblem(pattern: string): string | undefined {
  try {
    // With an alternative that matches the empty text, a match tells how many groups there are.
    const groups = (new RegExp(`${pattern}|`, 's').exec('')?.length ?? 1) - 1;
    return groups === 0 ? 'It needs a group: the part in parentheses is the answer.' : undefined;
  } catch (error) {
    const { message } = error as Error;
    return `It is no regular expression: ${message.slice(message.lastIndexOf(': ') + 2).toLowerCase()}.`;
  }
}

export const dataChecks: Check[] = [
  {
    code: 'field-without-jsonl',
    severity: 'error',
    needs: 'file',
    rule: '`field` belongs to `.jsonl` files.',
    check: (context) =>
      keyWithoutFiles(
        context,
        'field',
        plainText,
        '`field` names a part of `.jsonl` records; these are text files. Remove it.',
      ),
  },
  {
    code: 'split-without-text',
    severity: 'error',
    needs: 'file',
    rule: '`split` belongs to text files.',
    check: (context) =>
      keyWithoutFiles(
        context,
        'split',
        jsonLines,
        '`split` cuts text files; in `.jsonl` files each line is a document. Remove it.',
      ),
  },
  {
    code: 'extract-pattern',
    severity: 'error',
    needs: 'file',
    rule: '`extract.pattern` is a regular expression with a group.',
    *check({ experiment }) {
      for (const [name, task] of Object.entries(experiment.tasks)) {
        if (task.kind !== 'generate' || !task.extract) continue;
        const problem = patternProblem(task.extract.pattern);
        if (problem)
          yield { path: ['tasks', name, 'extract', 'pattern'], message: `\`pattern\` cannot be used. ${problem}` };
      }
    },
  },
  {
    code: 'perplexity-of-trained-text',
    severity: 'warning',
    needs: 'file',
    rule: '`perplexity:CORPUS` of a corpus that is trained on, replayed or distilled on needs its `holdout`.',
    *check({ experiment, tree }) {
      const trained = new Set(
        Object.values(experiment.arms).flatMap(({ training }) => [
          training?.corpus,
          training?.replay?.corpus,
          training?.distill?.corpus,
        ]),
      );
      for (const [i, task] of experiment.evaluation.tasks.entries()) {
        const name = perplexityCorpus(task);
        const corpus =
          name !== undefined && Object.hasOwn(experiment.corpora, name) ? experiment.corpora[name] : undefined;
        if (!corpus || !trained.has(name) || (corpus.kind === 'text' && corpus.holdout !== undefined)) continue;
        if (tree.has(['evaluation', 'tasks', i]))
          yield {
            path: ['evaluation', 'tasks', i],
            message: `\`${name}\` is also trained on, so this measures memory of seen text. Give the corpus a \`holdout\`, or measure another one.`,
            unless: [['corpora', name!]],
          };
      }
    },
  },
  {
    code: 'tokenizer-too-large',
    severity: 'error',
    needs: 'files',
    rule: "The tokenizer's ids fit into the model's vocabulary.",
    *check({ facts: { model } }) {
      if (model?.tokenizerSize !== undefined && model.tokenizerSize > model.vocabSize)
        yield {
          path: ['model'],
          message: `The tokenizer has ids up to ${model.tokenizerSize - 1}, but the model's vocabulary has ${model.vocabSize} entries. Use the tokenizer that belongs to the model.`,
        };
    },
  },
  {
    code: 'tokenizer-missing',
    severity: 'error',
    needs: 'files',
    rule: 'Texts and own tasks need a tokenizer; a model without one takes token rows.',
    *check({ experiment, facts }) {
      if (facts.model?.tokenizer !== 'missing') return;
      const remedy = 'Put tokenizer.json beside the model, or use token rows.';
      for (const [name, corpus] of Object.entries(experiment.corpora))
        if (corpus.kind === 'text')
          yield {
            path: ['corpora', name],
            part: 'key',
            message: `\`${name}\` holds text, but the model has no tokenizer. ${remedy}`,
          };
      for (const name of Object.keys(experiment.tasks))
        yield {
          path: ['tasks', name],
          part: 'key',
          message: `\`${name}\` is made of text, but the model has no tokenizer. ${remedy}`,
        };
    },
  },
  {
    code: 'no-chat-template',
    severity: 'error',
    needs: 'files',
    rule: 'Chats need a tokenizer with a chat template.',
    *check({ experiment, facts, tree }) {
      if (facts.model?.tokenizer !== 'plain') return;
      const remedy = "Put the model's chat_template into tokenizer_config.json.";
      for (const [name, corpus] of Object.entries(facts.corpora ?? {}))
        if (corpus.chat)
          yield {
            path: ['corpora', name],
            part: 'key',
            message: `\`${name}\` holds chats, but the tokenizer has no chat template. ${remedy}`,
          };
      for (const [name, task] of Object.entries(experiment.tasks))
        if ('chat' in task && task.chat)
          yield {
            path: ['tasks', name, 'chat'],
            message: `The tokenizer has no chat template. Set \`chat: false\`. ${remedy}`,
            fixes: changeTo(tree, ['tasks', name, 'chat'], 'false'),
          };
    },
  },
  {
    code: 'files-missing',
    severity: 'error',
    needs: 'files',
    rule: 'Files of corpora and tasks exist, and their first records can be read.',
    *check({ experiment, facts, tree }) {
      for (const [name, corpus] of Object.entries(facts.corpora ?? {})) {
        const key = tree.has(['corpora', name, 'tokens']) ? 'tokens' : 'files';
        yield* fileFindings(corpus, experiment.corpora[name]?.files ?? [], ['corpora', name, key]);
      }
      for (const [name, task] of Object.entries(facts.tasks ?? {})) {
        const own = Object.hasOwn(experiment.tasks, name);
        const spec = experiment.tasks[name];
        const written = own && spec !== undefined && 'files' in spec ? Object.values(spec.files) : [];
        // A benchmark that is only named stands among the evaluated tasks; one without files has no key for them.
        const path = !own
          ? ['evaluation', 'tasks', experiment.evaluation.tasks.indexOf(name)]
          : tree.has(['tasks', name, 'files'])
            ? ['tasks', name, 'files']
            : ['tasks', name];
        yield* fileFindings(task, written, path);
      }
    },
  },
];
