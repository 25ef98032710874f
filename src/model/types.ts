/** Types of safetensors that Strata reads and writes. */
export type Dtype = 'F64' | 'F32' | 'F16' | 'BF16' | 'I64' | 'I32' | 'I16' | 'I8' | 'U8' | 'BOOL';

/** One tensor and where its bytes lie: little-endian, row-major, `bytes` long at `offset` of `file`. */
export interface TensorRef {
  name: string;
  shape: number[];
  dtype: Dtype;
  /** Absolute path of a .safetensors file. */
  file: string;
  /** Absolute byte offset in the file. */
  offset: number;
  bytes: number;
  /** Of a matrix in int4 (`model/int4`): the factors of its blocks; the bytes are two values each, and `dtype` is U8. */
  scales?: TensorRef;
}

export type FamilyName = 'llama' | 'mistral' | 'qwen2' | 'qwen3';

export type RopeScaling =
  | { kind: 'default' }
  | { kind: 'linear'; factor: number }
  | { kind: 'llama3'; factor: number; lowFreqFactor: number; highFreqFactor: number; originalMaxPositions: number };

/** A decoder's configuration, whatever version of transformers wrote it. */
export interface ModelConfig {
  family: FamilyName;
  vocabSize: number;
  hiddenSize: number;
  intermediateSize: number;
  layers: number;
  heads: number;
  kvHeads: number;
  headDim: number;
  maxPositions: number;
  rmsNormEps: number;
  initializerRange: number;
  ropeTheta: number;
  ropeScaling: RopeScaling;
  tied: boolean;
  /** Which linear modules have a bias. */
  bias: { qkv: boolean; o: boolean; mlp: boolean };
  /** RMSNorm on each head of q and k before RoPE (Qwen3). */
  qkNorm: boolean;
  /** Per layer: sliding window (positions seen, itself included), or null for full attention. */
  windows: (number | null)[];
  bosTokenId?: number;
  eosTokenIds: number[];
  /** Stored dtype named by the config (torch_dtype or dtype). */
  dtype?: string;
  /** config.json as it was read. */
  raw: Record<string, unknown>;
}

/** One layer of a resulting stack, and where it comes from. Labels: `5`, `3+`, `3+2`. */
export type StackLayer =
  | { kind: 'kept'; base: number; label: string }
  | {
      kind: 'new';
      after: number;
      ordinal: number;
      label: string;
      init: 'average' | 'copy' | 'random';
      sources: number[];
      identity: boolean;
    }
  | { kind: 'merged'; base: number; of: number[]; label: string };

/** Surgery with every rule resolved to layers of the base (or of the parent arm's model). Decides weights: part of a run's spec. */
export interface Surgery {
  expand?: { after: number[]; init: 'average' | 'copy' | 'random'; identity: boolean };
  prune?: number[];
  merge?: { into: number; of: number[] };
}

/** LoRA factors for one linear module: y += scale · (x·Aᵀ)·Bᵀ; A [rank, in], B [out, rank], as PEFT stores them. */
export interface AdapterModule {
  /** Name of the weight it adds to, e.g. `model.layers.3.self_attn.q_proj.weight`. */
  weight: string;
  a: TensorRef;
  b: TensorRef;
}
export interface Adapter {
  rank: number;
  alpha: number;
  rslora: boolean;
  /** alpha / rank, or alpha / √rank with rsLoRA. */
  scale: number;
  modules: AdapterModule[];
}

/** Number format of frozen weights, where it is not the stored one. */
export type LoweredPrecision = 'bfloat16' | 'int4';
export interface BasePrecision {
  kind: LoweredPrecision;
  /** Matrices of the layers, by their names in the model. */
  names: readonly string[];
}

/** Any model that can be read: a Hugging Face folder, or a run's `model/` laid over its base. */
export interface Model {
  /** The folder that was opened. */
  folder: string;
  kind: 'folder' | 'run';
  config: ModelConfig;
  /** In the order of layers; every tensor of the resulting model. */
  tensors: ReadonlyMap<string, TensorRef>;
  /** Present in an unmerged LoRA run. */
  adapter?: Adapter;
  /** The stack with its origins; all `kept` for a plain folder. */
  layers: StackLayer[];
  /** Folder with tokenizer.json, or undefined. */
  tokenizerFolder?: string;
  /** Names that differ from the base (empty for a plain folder). */
  changed: string[];
  /** Matrices that are computed with at a lower precision than they are stored in: those that were frozen in a training. */
  basePrecision?: BasePrecision;
  /** What a run's model is laid over; absent for a plain folder. */
  base?: ModelBase;
}

/** The checkpoint under an overlay, and which of its tensors the overlay shares. */
export interface ModelBase {
  /** Absolute folder of a plain Hugging Face checkpoint (never another overlay). */
  folder: string;
  /** `hashModel` of it when the overlay was written. */
  hash: string;
  config: ModelConfig;
  /** Resulting name → base name, for every tensor that is the base's own. */
  map: ReadonlyMap<string, string>;
}
