import type { ModelConfig } from '../model/types.ts';

type RopeConfig = Pick<ModelConfig, 'headDim' | 'ropeTheta' | 'ropeScaling'>;

const f32 = Math.fround;

/**
 * Frequencies of RoPE, [headDim/2], in float32 step by step as transformers computes them.
 * Source: transformers modeling_rope_utils.py: `_compute_default_rope_parameters`, `_compute_linear_scaling_rope_parameters`,
 * `_compute_llama3_parameters`.
 */
export function inverseFrequencies({ headDim, ropeTheta, ropeScaling }: RopeConfig): Float32Array {
  const base = Float32Array.from({ length: headDim / 2 }, (_, i) => 1 / f32(ropeTheta ** f32((2 * i) / headDim)));
  return base.map((frequency) => scaled(frequency, ropeScaling));
}

function scaled(frequency: number, scaling: ModelConfig['ropeScaling']): number {
  if (scaling.kind === 'default') return frequency;
  if (scaling.kind === 'linear') return f32(frequency / scaling.factor);
  const { factor, lowFreqFactor, highFreqFactor, originalMaxPositions } = scaling;
  const wavelength = f32(f32(2 * Math.PI) / frequency);
  if (wavelength > originalMaxPositions / lowFreqFactor) return f32(frequency / factor);
  if (wavelength < originalMaxPositions / highFreqFactor) return frequency;
  // Between the two: interpolated by how many wavelengths fit into the original context.
  const fit = f32(originalMaxPositions / wavelength);
  const smooth = f32(f32(fit - lowFreqFactor) / (highFreqFactor - lowFreqFactor));
  return f32(f32(f32((1 - smooth) * frequency) / factor) + f32(smooth * frequency));
}

/** cos and sin of position · frequency, [positions, headDim/2] each, rounded to float32. */
export function rotaryTables(config: RopeConfig, positions: number): { cos: Float32Array; sin: Float32Array } {
  const frequencies = inverseFrequencies(config);
  const half = frequencies.length;
  const cos = new Float32Array(positions * half);
  const sin = new Float32Array(positions * half);
  for (let position = 0; position < positions; position++) {
    for (let i = 0; i < half; i++) {
      const angle = f32(position * frequencies[i]!);
      cos[position * half + i] = Math.cos(angle);
      sin[position * half + i] = Math.sin(angle);
    }
  }
  return { cos, sin };
}
