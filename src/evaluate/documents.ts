import { fail } from '../base/problem.ts';
import { lines, readUtf8 } from '../data/text-file.ts';

/** A record of an own choice task, `{context, choices, answer}`. */
export interface ChoiceDocument {
  context: string;
  choices: string[];
  /** Index of the right choice. */
  gold: number;
}

/** A record of an own generate task, `{context, answer}`; any of the answers is right, the first is the one shown. */
export interface GenerateDocument {
  context: string;
  answers: string[];
}

/** Reads one record; returns what is wrong with it as the end of a sentence. */
type RecordRule<T> = (record: Record<string, unknown>) => T | string;

export const choiceRecord: RecordRule<ChoiceDocument> = ({ context, choices, answer }) => {
  if (typeof context !== 'string') return 'has no text "context"';
  if (!isTexts(choices) || choices.length < 2) return 'has no list "choices" of two texts or more, none of them empty';
  if (!Number.isInteger(answer)) return 'has no index "answer" (a whole number, the first choice is 0)';
  const gold = answer as number;
  if (gold < 0 || gold >= choices.length) return `names choice ${gold}, but they are 0 to ${choices.length - 1}`;
  return { context, choices, gold };
};

export const generateRecord: RecordRule<GenerateDocument> = ({ context, answer }) => {
  if (typeof context !== 'string' || context === '') return 'has no text "context"';
  const answers = typeof answer === 'string' ? [answer] : answer;
  if (!isTexts(answers)) return 'has no text "answer", nor a list of texts';
  return { context, answers };
};

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.length > 0 && value.every((v) => typeof v === 'string' && v !== '');
}

/**
 * The records of JSON lines files, in order, empty lines left out. Fails with `invalid-record` and `file:line` for a line
 * that is not what the rule asks for, `invalid-task` if there is none at all.
 */
export async function readRecords<T>(files: readonly string[], rule: RecordRule<T>): Promise<T[]> {
  const out: T[] = [];
  for (const file of files) {
    for (const { text, number } of lines(await readUtf8(file))) {
      if (text.trim() !== '') out.push(readRecord(text, `${file}:${number}`, rule));
    }
  }
  if (out.length === 0) {
    fail('invalid-task', `There is no record in ${files.join(', ') || 'the files of the task'}.`, {
      place: files[0],
      remedy: 'Write one JSON object a line.',
    });
  }
  return out;
}

function readRecord<T>(line: string, place: string, rule: RecordRule<T>): T {
  let record: unknown;
  try {
    record = JSON.parse(line);
  } catch {
    fail('invalid-record', 'The line is not JSON.', { place, remedy: 'Write one JSON object a line.' });
  }
  if (typeof record !== 'object' || record === null || Array.isArray(record)) {
    fail('invalid-record', 'The line is not a JSON object.', { place, remedy: 'Write one JSON object a line.' });
  }
  const read = rule(record as Record<string, unknown>);
  if (typeof read === 'string')
    fail('invalid-record', `The record ${read}.`, { place, remedy: 'Correct the record, or remove it.' });
  return read;
}
