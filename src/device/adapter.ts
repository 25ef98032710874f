/** What WebGPU computes with on this machine. */
export interface Adapter {
  /** As the driver calls it, e.g. `NVIDIA GeForce RTX 4070`; undefined where the system does not say. */
  name?: string;
  /** The driver's file. */
  driver?: string;
  /** It computes on the processor: right, but slower than the device cpu. */
  software: boolean;
  /** float16, which `precision: mixed` needs. */
  half: boolean;
  /** The largest tensor that was tried and computed, bytes; undefined if none was tried. */
  largestTensor?: number;
  /** Memory of the adapter, bytes, where the system says it. */
  memory?: number;
}

/** An adapter, or why there is none. */
export type AdapterFinding = { found: true; adapter: Adapter } | { found: false; reason: string };

/** Names of drivers that compute on the processor (Mesa, SwiftShader, Windows). */
const softwareNames = /llvmpipe|lavapipe|softpipe|swiftshader|basic render|software/i;

export function isSoftware(name: string | undefined): boolean {
  return name !== undefined && softwareNames.test(name);
}

/** The device that `auto` takes, and a line that says so and why not the others. */
export interface DeviceChosen {
  device: 'cpu' | 'webgpu';
  why: string;
}

const cuda = 'cuda: not carried out by this version';

/** `auto`: WebGPU on a graphics adapter, else the processor. A software driver is slower than the processor itself. */
export function chooseDevice(finding: AdapterFinding): DeviceChosen {
  if (!finding.found) return { device: 'cpu', why: `Device: cpu (webgpu: ${finding.reason}; ${cuda}).` };
  const { name = 'an adapter without a name', software } = finding.adapter;
  if (software) return { device: 'cpu', why: `Device: cpu (webgpu: ${name} computes on the processor; ${cuda}).` };
  return { device: 'webgpu', why: `Device: webgpu, ${name} (cpu: slower; ${cuda}).` };
}
