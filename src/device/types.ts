export type DeviceName = 'cpu' | 'webgpu' | 'cuda';

/** Which of several equal forms of an op a device takes: some have no kernel there, some are slow, some are wrong. */
export interface Forms {
  /** Products with a transposed factor: onnxruntime's FusedMatMul, or Transpose and MatMul. */
  transposedProduct: 'fused' | 'transpose';
  /** RMSNorm: SimplifiedLayerNormalization with its second output, or primitives. */
  rmsNorm: 'fused' | 'primitives';
  /** RoPE: onnxruntime's RotaryEmbedding, or primitives. */
  rotary: 'fused' | 'primitives';
  /** SiLU that no gradient goes through: onnxruntime's QuickGelu with alpha 1, the same bits, or primitives. */
  silu: 'fused' | 'primitives';
  /** log softmax: the op LogSoftmax, or primitives. */
  logSoftmax: 'fused' | 'primitives';
  /** Which of a row is the largest: the op ArgMax, whose result is int64, or primitives in float32. */
  argMax: 'fused' | 'primitives';
  /** Either of two conditions: the op Or, or a sum of two numbers that is above 0. */
  either: 'fused' | 'primitives';
  /** Type in which products of matrices are computed: float16 rounds their factors and results (mixed precision). */
  products: 'float32' | 'float16';
}

/** What computes: one row of the device table. */
export interface Device {
  name: DeviceName;
  /** onnxruntime's execution provider. */
  provider: string;
  forms: Forms;
  /**
   * Where weights and the optimizer's state live: in the process's memory, with the optimizer in WebAssembly, or in buffers of
   * the device, with the optimizer in a graph.
   */
  state: 'wasm' | 'buffers';
  precisions: readonly ('float32' | 'mixed')[];
  basePrecisions: readonly ('float32' | 'bfloat16' | 'int4')[];
}
