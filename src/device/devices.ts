import { fail } from '../base/problem.ts';
import type { Device, DeviceName, Forms } from './types.ts';

/** Forms that every provider and element type has kernels for: WebGPU, and float64 on the CPU. */
export const portableForms: Forms = {
  transposedProduct: 'transpose',
  rmsNorm: 'primitives',
  rotary: 'primitives',
  silu: 'primitives',
  logSoftmax: 'primitives',
  argMax: 'primitives',
  either: 'primitives',
  products: 'float32',
};

/**
 * The devices that this version computes on. Half-precision products on the CPU provider silently run in float32, so
 * `mixed` is offered by no CPU row.
 */
export const devices: Partial<Record<DeviceName, Device>> = {
  cpu: {
    name: 'cpu',
    provider: 'cpu',
    forms: {
      transposedProduct: 'fused',
      rmsNorm: 'fused',
      rotary: 'fused',
      silu: 'fused',
      logSoftmax: 'fused',
      argMax: 'fused',
      either: 'fused',
      products: 'float32',
    },
    state: 'wasm',
    precisions: ['float32'],
    basePrecisions: ['float32', 'bfloat16', 'int4'],
  },
  webgpu: {
    name: 'webgpu',
    provider: 'webgpu',
    forms: portableForms,
    state: 'buffers',
    precisions: ['float32', 'mixed'],
    basePrecisions: ['float32'],
  },
};

/** Why a device has no row yet, and what can be used instead. */
export const notCarriedOut: Partial<Record<DeviceName, { why: string; instead: string }>> = {
  cuda: { why: 'its trainer, K steps in one graph, is not written', instead: 'webgpu' },
};

/** The row of a device; fails with `not-available` where there is none. */
export function deviceRow(name: DeviceName): Device {
  const { why = 'it is unknown', instead = 'cpu' } = notCarriedOut[name] ?? {};
  return (
    devices[name] ??
    fail('not-available', `This version of Strata does not compute on the device ${name}: ${why}.`, {
      remedy: `Use \`device: ${instead}\`.`,
    })
  );
}
