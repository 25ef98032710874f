export type DeviceName = 'cpu' | 'webgpu' | 'cuda';
