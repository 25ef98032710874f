import { t } from '../../base/translate.ts';
import type { Heat } from './importance.ts';

/** What is to be seen of a layer, module or tensor. */
export type Mark = 'new' | 'pruned' | 'merged' | 'trained' | 'partly' | 'adapted' | 'frozen' | 'changed' | 'differs';

/** A row of the Layers view, without anything of VS Code. */
export interface LayerNode {
  /** Stable while the same thing is shown. */
  key: string;
  kind: 'model' | 'layer' | 'module' | 'tensor';
  label: string;
  description: string;
  /** The first one decides icon and colour. */
  marks: Mark[];
  /** What a screen reader says. */
  spoken: string;
  /** Lines of plain text. */
  tooltip: string[];
  children: LayerNode[];
  /** Importance of a layer by the chosen metric, as a colour. */
  heat?: Heat;
  /** Full name in the resulting model, for copying. */
  name?: string;
}

/** How each mark is said and drawn. */
export const markWords: Record<Mark, () => string> = {
  new: () => t('new'),
  pruned: () => t('pruned'),
  merged: () => t('merged'),
  trained: () => t('trained'),
  partly: () => t('partly trained'),
  adapted: () => t('adapted by LoRA'),
  frozen: () => t('frozen'),
  changed: () => t('changed'),
  differs: () => t('differs'),
};

/** Choice of a user who wants no importance drawn. */
export const noScale = 'none';
