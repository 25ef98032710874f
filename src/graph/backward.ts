import { add } from './functions.ts';
import { gradients } from './gradients.ts';
import type { Graph } from './graph.ts';
import type { Backward } from './rule.ts';
import { type Application, describe, type Tensor } from './tensor.ts';

/** Applications between the seeds and `wrt`, each after all that it needs. */
function pathsTo(seeds: readonly Tensor[], wrt: ReadonlySet<Tensor>): { order: Application[]; live: Set<Tensor> } {
  const live = new Set<Tensor>(wrt);
  const order: Application[] = [];
  const seen = new Set<Application>();
  // Iterative: a deep model's chain would overflow the stack.
  const stack: { application: Application; expanded: boolean }[] = seeds.flatMap(({ from }) =>
    from ? [{ application: from, expanded: false }] : [],
  );
  for (let top = stack.pop(); top; top = stack.pop()) {
    const { application, expanded } = top;
    if (expanded) {
      if (!application.inputs.some((t) => live.has(t))) continue;
      order.push(application);
      for (const output of application.outputs) live.add(output);
    } else if (!seen.has(application)) {
      seen.add(application);
      stack.push({ application, expanded: true });
      // What lies before `wrt` is not looked at.
      for (const input of application.inputs) {
        if (input.from && !wrt.has(input) && !seen.has(input.from))
          stack.push({ application: input.from, expanded: false });
      }
    }
  }
  return { order, live };
}

/**
 * Reverse-mode differentiation: one walk over the applications in reverse order, one rule of `gradients` for each. Only what
 * lies on a path from `wrt` to a seed is visited, so the walk stops below the lowest trained tensor. An op without a rule
 * throws with its name and shapes.
 */
export const backward: Backward = (g, seeds, wrt) => {
  const { order, live } = pathsTo(
    seeds.map((s) => s.of),
    new Set(wrt),
  );
  const sums = new Map<Tensor, Tensor>();
  const accumulate = (of: Tensor, gradient: Tensor) => {
    const sum = sums.get(of);
    sums.set(of, sum ? add(g, sum, gradient) : gradient);
  };
  for (const { of, gradient } of seeds) accumulate(of, gradient);
  for (const application of order.reverse()) {
    const dys = application.outputs.map((t) => sums.get(t));
    if (dys.every((dy) => dy === undefined)) continue;
    const contributions = applyRule(g, application, dys, live);
    for (const [i, input] of application.inputs.entries()) {
      const contribution = contributions[i];
      if (!live.has(input) || !contribution) continue;
      if (typeof contribution === 'function') accumulate(input, contribution());
      else sums.set(input, contribution.into(sums.get(input)));
    }
  }
  return wrt.map((t) => sums.get(t));
};

function applyRule(
  g: Graph,
  { op, inputs, outputs, attributes, saved }: Application,
  dys: readonly (Tensor | undefined)[],
  live: ReadonlySet<Tensor>,
) {
  const rule = gradients[op];
  if (!rule) throw new Error(`no gradient rule for ${op}(${inputs.map(describe).join(', ')})`);
  return rule({
    g,
    inputs,
    outputs,
    attributes,
    saved,
    get dy() {
      return dys[0] ?? missing(op);
    },
    dys,
    needs: inputs.map((t) => live.has(t)),
    backward,
  });
}

function missing(op: string): never {
  throw new Error(`${op}: its rule needs the gradient of the first output, on which nothing depends`);
}
