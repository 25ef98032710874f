import type { ModelConfig } from '../../model/types.ts';
import { add, cast, concat, mul, reshape, split } from '../functions.ts';
import type { Graph } from '../graph.ts';
import { rotaryTables } from '../rope.ts';
import type { Rule } from '../rule.ts';
import type { Tensor } from '../tensor.ts';

/** What rotates by the positions (`turn`) or back (`back`): made once per graph, shared by all layers. */
export interface Angles {
  turn: (x: Tensor) => Tensor;
  back: (x: Tensor) => Tensor;
}

/**
 * Angles for positions int32 [batch·sequence], each below `limit`. Halves are paired, (i, i + headDim/2), as Hugging Face
 * checkpoints expect.
 */
export function rotaryAngles(
  g: Graph,
  config: ModelConfig,
  { positions, batch, sequence, limit }: { positions: Tensor; batch: number; sequence: number; limit: number },
): Angles {
  const { cos, sin } = rotaryTables(config, limit);
  const half = config.headDim / 2;
  if (g.forms.rotary === 'fused') {
    const at = cast(g, reshape(g, positions, [batch, sequence]), 'int64');
    const c = g.constant('float32', [limit, half], cos);
    const rotate = (s: Tensor) => (x: Tensor) => g.apply('RotaryEmbedding', [x, at, c, s], { interleaved: 0 });
    const forward = g.constant('float32', [limit, half], sin);
    const backward = g.constant(
      'float32',
      [limit, half],
      sin.map((v) => -v),
    );
    return { turn: rotate(forward), back: rotate(backward) };
  }
  // x·cos + swap(x)·(−sin, sin), where swap exchanges the halves.
  const table = (left: Float32Array, right: Float32Array) => {
    const rows = Array.from({ length: limit }, (_, p) => [
      ...left.subarray(p * half, (p + 1) * half),
      ...right.subarray(p * half, (p + 1) * half),
    ]);
    const constant = g.constant(g.float, [limit, 2 * half], rows.flat());
    return reshape(g, g.apply('Gather', [constant, positions], { axis: 0 }), [batch, 1, sequence, 2 * half]);
  };
  const c = table(cos, cos);
  const minus = sin.map((v) => -v);
  const rotate = (s: Tensor) => (x: Tensor) => {
    const [left, right] = split(g, x, [half, half], 3);
    return add(g, mul(g, x, c), mul(g, concat(g, [right!, left!], 3), s));
  };
  return { turn: rotate(table(minus, sin)), back: rotate(table(sin, minus)) };
}

/** RoPE (Su et al. 2021, eq. 34) on x [batch, heads, sequence, headDim]. */
export function rotary(g: Graph, x: Tensor, angles: Angles): Tensor {
  return g.block('Rotary', [x], () => ({ outputs: [angles.turn(x)], saved: angles }))[0]!;
}

/** A rotation's gradient is the rotation back. */
export const rotaryRule: Rule<Angles> = ({ dy, saved }) => [() => saved.back(dy)];
