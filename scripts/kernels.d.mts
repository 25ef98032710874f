/** The assembled module of src/engine/kernels.wat, base64. */
export function assemble(wat?: string): Promise<string>;
