import type { Graph } from './graph.ts';
import type { Attributes, Tensor } from './tensor.ts';

/** Emits one input's gradient, only if it is needed. */
export type Contribution =
  | (() => Tensor)
  /** Adds itself to what other uses of the input have given, where that is cheaper than a sum of two tensors. */
  | { into: (sum: Tensor | undefined) => Tensor };

/** What a rule may use: the application and dL/d(output) for each output; undefined where nothing depends on one. */
export interface RuleContext<S = unknown> {
  g: Graph;
  inputs: readonly Tensor[];
  outputs: readonly Tensor[];
  attributes: Attributes;
  saved: S;
  /** dL/d(first output); throws if nothing depends on it. */
  dy: Tensor;
  dys: readonly (Tensor | undefined)[];
  /** Whether the gradient of an input is wanted. */
  needs: readonly boolean[];
  /** The walk itself, for rules that build and differentiate a part again. */
  backward: Backward;
}

/** dL/d(input) for each input; undefined for one that has none (indices, conditions). */
export type Rule<S = unknown> = (context: RuleContext<S>) => (Contribution | undefined)[];

/** Gradients of the seeds' weighted sum with respect to `wrt`; undefined where a tensor has no influence. */
export type Backward = (
  g: Graph,
  seeds: readonly { of: Tensor; gradient: Tensor }[],
  wrt: readonly Tensor[],
) => (Tensor | undefined)[];
