export type DeviceName = 'cpu' | 'webgpu' | 'cuda';

/** Which of several equal forms of an op a device takes: some have no kernel there, some are slow, some are wrong. */
export interface Forms {
  /** Products with a transposed factor: onnxruntime's FusedMatMul, or Transpose and MatMul. */
  transposedProduct: 'fused' | 'transpose';
  /** RMSNorm: SimplifiedLayerNormalization with its second output, or primitives. */
  rmsNorm: 'fused' | 'primitives';
  /** RoPE: onnxruntime's RotaryEmbedding, or primitives. */
  rotary: 'fused' | 'primitives';
}

/** What computes: one row of the device table. */
export interface Device {
  name: DeviceName;
  /** onnxruntime's execution provider. */
  provider: string;
  forms: Forms;
  /** Where the optimizer's state lives. */
  state: 'wasm';
  precisions: readonly ('float32' | 'mixed')[];
  basePrecisions: readonly ('float32' | 'bfloat16' | 'int4')[];
}
