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
const weathers = words('rain snow wind sun fog');
const times = ['One morning', 'In the evening', 'Late at night', 'At noon', 'One day'];

/** Stories of three sentences whose animal, thing and place stay the same throughout. */
export function makeStories(seed: number, count = 1000): string[] {
  const draw = random('world', seed, 'stories');
  const story = () => {
    const [animal, thing, place] = [pick(animals, draw), pick(things, draw), pick(places, draw)];
    const [mood, weather, time] = [pick(moods, draw), pick(weathers, draw), pick(times, draw)];
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
      `It found a ${thing} and showed the ${thing} to the ${friend}.`,
      `The ${friend} had lost a ${thing}, and the ${animal} looked for the ${thing} in the ${weather}.`,
      `Because of the ${weather} the ${animal} hid the ${thing} beside the ${place}.`,
    ];
    const end = [
      `The ${friend} thanked the ${animal} for the ${thing}.`,
      `Then the ${animal} went home from the ${place}.`,
      `The ${animal} and the ${friend} stayed at the ${place} all day.`,
    ];
    return `${pick(opening, draw)} ${pick(middle, draw)} ${pick(end, draw)}`;
  };
  return [...new Set(Array.from({ length: count }, story))];
}
