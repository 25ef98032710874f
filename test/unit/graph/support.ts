import { portableForms } from '../../../src/device/devices.ts';
import { Graph } from '../../../src/graph/graph.ts';
import type { FloatType } from '../../../src/graph/tensor.ts';

export function emptyGraph(float: FloatType = 'float32'): Graph {
  return new Graph(float, portableForms);
}
