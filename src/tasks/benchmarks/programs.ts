import type { ProgramQuestion, RawRecord, Read, Split } from './types.ts';

/*
 * Benchmarks whose answers are programs (lm-evaluation-harness, lm_eval/tasks/humaneval and mbpp). What the model wrote is
 * run, in a sandbox, together with the tests of the data set.
 */

/** The model goes on with a function that has its head and documentation. */
export const humaneval: Read<ProgramQuestion> = ({ prompt, canonical_solution, test, entry_point }) => {
  if (typeof prompt !== 'string' || typeof test !== 'string' || typeof entry_point !== 'string')
    return 'has no texts "prompt", "test" and "entry_point"';
  if (!/^[A-Za-z_]\w*$/.test(entry_point)) return 'has an "entry_point" that is no name';
  const tests = `${test}\ncheck(${entry_point})`;
  return {
    context: prompt,
    tests,
    solution: typeof canonical_solution === 'string' ? canonical_solution : '',
    program: (completion) => `${prompt}${completion}\n${tests}`,
  };
};

export const humanevalStop = ['\nclass', '\ndef', '\n#', '\nif', '\nprint'] as const;

export const mbpp: Read<ProgramQuestion> = ({ text, code, test_list }) => {
  if (typeof text !== 'string' || typeof code !== 'string') return 'has no texts "text" and "code"';
  if (!Array.isArray(test_list) || test_list.length < 3 || !test_list.every((t) => typeof t === 'string'))
    return 'has no list "test_list" of three texts';
  const tests = test_list.slice(0, 3).join('\n');
  return {
    context: mbppContext(text, test_list),
    tests,
    solution: `${code}\n`,
    program: (completion) => `${completion}\n${tests}`,
  };
};

const mbppContext = (text: string, tests: readonly string[]) =>
  `You are an expert Python programmer, and here is your task: ${text} Your code should pass these tests:\n\n${tests.slice(0, 3).join('\n')}\n[BEGIN]\n`;

/** The file of the publication holds all 974 problems; the test split is 11 to 510 (google-research/mbpp/README.md). */
export function mbppBelongs({ task_id }: RawRecord, split: Split): boolean {
  const id = Number(task_id);
  return split !== 'test' || (id >= 11 && id <= 510);
}

/** Problems 2, 3 and 4, with the line ends they were published with. */
export const mbppShots = (
  [
    [
      'Write a function to find the similar elements from the given two tuple lists.',
      'def similar_elements(test_tup1, test_tup2):\r\n  res = tuple(set(test_tup1) & set(test_tup2))\r\n  return (res) ',
      [
        'assert similar_elements((3, 4, 5, 6),(5, 7, 4, 10)) == (4, 5)',
        'assert similar_elements((1, 2, 3, 4),(5, 4, 3, 7)) == (3, 4)',
        'assert similar_elements((11, 12, 14, 13),(17, 15, 14, 13)) == (13, 14)',
      ],
    ],
    [
      'Write a python function to identify non-prime numbers.',
      'import math\r\ndef is_not_prime(n):\r\n    result = False\r\n    for i in range(2,int(math.sqrt(n)) + 1):\r\n        if n % i == 0:\r\n            result = True\r\n    return result',
      ['assert is_not_prime(2) == False', 'assert is_not_prime(10) == True', 'assert is_not_prime(35) == True'],
    ],
    [
      'Write a function to find the largest integers from a given list of numbers using heap queue algorithm.',
      'import heapq as hq\r\ndef heap_queue_largest(nums,n):\r\n  largest_nums = hq.nlargest(n, nums)\r\n  return largest_nums',
      [
        'assert heap_queue_largest( [25, 35, 22, 85, 14, 65, 75, 22, 58],3)==[85, 75, 65] ',
        'assert heap_queue_largest( [25, 35, 22, 85, 14, 65, 75, 22, 58],2)==[85, 75] ',
        'assert heap_queue_largest( [25, 35, 22, 85, 14, 65, 75, 22, 58],5)==[85, 75, 65, 58, 35]',
      ],
    ],
  ] as const
).map(([text, code, tests]) => ({ question: mbppContext(text, tests), answer: `${code}\n[DONE]` }));
