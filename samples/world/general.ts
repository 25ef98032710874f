import { random } from '../../src/base/random.ts';
import { pick, shuffled, words } from './draw.ts';

export interface Sum {
  context: string;
  answer: string;
}

/** Sums of two numbers up to `highest`; the pairs of the test are trained in neither order. */
export function makeSums(seed: number, highest = 49, tests = 80): { trained: string[]; test: Sum[] } {
  const draw = random('world', seed, 'sums');
  const pairs: [number, number][] = [];
  for (let a = 0; a <= highest; a++) for (let b = a; b <= highest; b++) pairs.push([a, b]);
  const mixed = shuffled(pairs, draw);
  const test = mixed.slice(0, tests).map(([a, b]) => ({ context: `${a} + ${b} =`, answer: String(a + b) }));
  const trained = mixed
    .slice(tests)
    .flatMap(([a, b]): [number, number][] =>
      a === b
        ? [[a, b]]
        : [
            [a, b],
            [b, a],
          ],
    )
    .map(([a, b]) => `${a} + ${b} = ${a + b}`);
  return { trained, test };
}

const animals = words('fox bear wolf mouse owl frog deer crow hare hedgehog');
const things = words('key lamp ring coin book rope bell map cup box');
const places = words('river forest bridge garden mill castle market tower lake barn');
const moods = words('wise small clever tired hungry brave quiet young');
const qualities = words('golden wooden rusty heavy broken shiny old tiny');
const weathers = words('rain snow wind sun fog');
const times = ['One morning', 'In the evening', 'Late at night', 'At noon', 'One day'];

/**
 * Stories of three sentences whose animal, thing and place stay the same throughout. No two share a run of 13 words, so that
 * held-out stories measure what a model knows of stories, and not which it has seen.
 */
export function makeStories(seed: number, count = 1000): string[] {
  const draw = random('world', seed, 'stories');
  const story = () => {
    const [animal, thing, place] = [pick(animals, draw), pick(things, draw), pick(places, draw)];
    const [mood, weather, time] = [pick(moods, draw), pick(weathers, draw), pick(times, draw)];
    const [quality, friendly] = [pick(qualities, draw), pick(moods, draw)];
    const friend = pick(
      animals.filter((a) => a !== animal),
      draw,
    );
    const opening = [
      `${time} the ${mood} ${animal} walked to the ${place}.`,
      `There was a ${mood} ${animal} who lived near the ${place}.`,
      `The ${mood} ${animal} slept under the ${place} until the ${weather} came.`,
    ];
    const middle = [
      `It found a ${quality} ${thing} and showed the ${thing} to the ${friend}.`,
      `The ${friendly} ${friend} had lost a ${quality} ${thing}, and the ${animal} looked for the ${thing} in the ${weather}.`,
      `Because of the ${weather} the ${animal} hid the ${quality} ${thing} beside the ${place}.`,
    ];
    const end = [
      `The ${friend} thanked the ${animal} for the ${thing}.`,
      `Then the ${animal} went home from the ${place}.`,
      `The ${animal} and the ${friend} stayed at the ${place} all day.`,
    ];
    return `${pick(opening, draw)} ${pick(middle, draw)} ${pick(end, draw)}`;
  };
  const stories: string[] = [];
  const runs = new Set<string>();
  while (stories.length < count) {
    const next = story();
    const own = wordRuns(next, 13);
    if (own.some((run) => runs.has(run))) continue;
    for (const run of own) runs.add(run);
    stories.push(next);
  }
  return stories;
}

/** Every run of n words, as the check for contamination sees words. */
function wordRuns(text: string, n: number): string[] {
  const list = text.toLowerCase().match(/[a-z]+/g) ?? [];
  return list.slice(n - 1).map((_, i) => list.slice(i, i + n).join(' '));
}
