import { strip } from '../python-text.ts';
import type { AnswerQuestion, AnswerRule, Read } from './types.ts';

/** GSM8K: school arithmetic with worked answers that end in `#### number` (lm-evaluation-harness, lm_eval/tasks/gsm8k). */
const asked =
  (make: (question: string, answer: string) => AnswerQuestion): Read<AnswerQuestion> =>
  ({ question, answer }) =>
    typeof question === 'string' && typeof answer === 'string'
      ? make(question, answer)
      : 'has no texts "question" and "answer"';

export const gsm8k = asked((question, answer) => ({ context: `Question: ${question}\nAnswer:`, answer }));

export const gsm8kCot = asked((question, answer) => ({
  context: `Q: ${question}\nA:`,
  answer: strip(answer.split('####').at(-1)!),
}));

/**
 * What both prediction and reference lose before they are compared: commas, dollar signs, all up to `#### `, a final dot.
 * `$29.00` and `29` are still different numbers, as in the reference.
 */
function normalise(text: string): string {
  return text
    .replaceAll(',', '')
    .replaceAll('$', '')
    .replace(/^[\s\S]*#### /, '')
    .replace(/\.(?=\n?$)/, '')
    .toLowerCase();
}

/** The groups of each match; the first that matched something speaks for it. */
function found(pattern: RegExp, text: string, take: 0 | -1): string | undefined {
  const match = [...text.matchAll(pattern)].at(take);
  const group = match?.slice(1).find((g) => g);
  return group === undefined ? undefined : strip(group);
}

const same = (a: string, b: string) => normalise(a) === normalise(b);
const rules = (strict: RegExp): AnswerRule[] => [
  { metric: 'exact_match_strict', label: 'strict', find: (text) => found(strict, text, 0), same },
  {
    metric: 'exact_match_flexible',
    label: 'flexible',
    find: (text) => found(/(-?[$0-9.,]{2,})|(-?[0-9]+)/g, text, -1),
    same,
  },
];

export const gsm8kRules = rules(/#### (-?[0-9.,]+)/g);
/** The final dot of the reference's expression matches any character of the line. */
export const gsm8kCotRules = rules(/The answer is (-?[0-9.,]+)[^\n]/g);

/** Wei et al. 2022, table 20. */
export const gsm8kCotShots: readonly AnswerQuestion[] = (
  [
    [
      'There are 15 trees in the grove. Grove workers will plant trees in the grove today. After they are done, there will be 21 trees. How many trees did the grove workers plant today?',
      'There are 15 trees originally. Then there were 21 trees after some more were planted. So there must have been 21 - 15 = 6. The answer is 6.',
    ],
    [
      'If there are 3 cars in the parking lot and 2 more cars arrive, how many cars are in the parking lot?',
      'There are originally 3 cars. 2 more cars arrive. 3 + 2 = 5. The answer is 5.',
    ],
    [
      'Leah had 32 chocolates and her sister had 42. If they ate 35, how many pieces do they have left in total?',
      'Originally, Leah had 32 chocolates. Her sister had 42. So in total they had 32 + 42 = 74. After eating 35, they had 74 - 35 = 39. The answer is 39.',
    ],
    [
      'Jason had 20 lollipops. He gave Denny some lollipops. Now Jason has 12 lollipops. How many lollipops did Jason give to Denny?',
      'Jason started with 20 lollipops. Then he had 12 after giving some to Denny. So he gave Denny 20 - 12 = 8. The answer is 8.',
    ],
    [
      'Shawn has five toys. For Christmas, he got two toys each from his mom and dad. How many toys does he have now?',
      'Shawn started with 5 toys. If he got 2 toys each from his mom and dad, then that is 4 more toys. 5 + 4 = 9. The answer is 9.',
    ],
    [
      'There were nine computers in the server room. Five more computers were installed each day, from monday to thursday. How many computers are now in the server room?',
      'There were originally 9 computers. For each of 4 days, 5 more computers were added. So 5 * 4 = 20 computers were added. 9 + 20 is 29. The answer is 29.',
    ],
    [
      'Michael had 58 golf balls. On tuesday, he lost 23 golf balls. On wednesday, he lost 2 more. How many golf balls did he have at the end of wednesday?',
      'Michael started with 58 golf balls. After losing 23 on tuesday, he had 58 - 23 = 35. After losing 2 more, he had 35 - 2 = 33 golf balls. The answer is 33.',
    ],
    [
      'Olivia has $23. She bought five bagels for $3 each. How much money does she have left?',
      'Olivia had 23 dollars. 5 bagels for 3 dollars each will be 5 x 3 = 15 dollars. So she has 23 - 15 dollars left. 23 - 15 is 8. The answer is 8.',
    ],
  ] as const
).map(([question, answer]) => ({ context: `Q: ${question}\nA:`, answer }));
