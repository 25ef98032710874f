import { addEntry } from '../edits.ts';
import type { Path } from '../tree.ts';
import type { Fix } from '../types.ts';
import { type Check, type CheckContext, changeTo, type Finding } from './check.ts';

/** Where arms take layers from the analysis: the metric that ranks them, and its place. */
function uses({ experiment }: CheckContext): { path: Path; by?: string; contiguous: boolean }[] {
  return Object.values(experiment.arms).flatMap(({ name, expand, prune }) => {
    const after = expand?.after;
    return [
      ...(after?.kind === 'rule' && after.rule === 'analysis'
        ? [{ path: ['arms', name, 'expand', 'by'], by: after.by, contiguous: false }]
        : []),
      ...(prune?.kind === 'by'
        ? [{ path: ['arms', name, 'prune', 'by'], by: prune.by, contiguous: prune.contiguous }]
        : []),
    ];
  });
}

/** Measures on a corpus of the file: one with a hold-out, if there is one. */
function addAnalysis({ experiment: { corpora }, tree }: CheckContext): Fix[] {
  const names = Object.keys(corpora);
  const corpus =
    names.find((name) => corpora[name]?.kind === 'text' && corpora[name].holdout !== undefined) ?? names[0];
  if (corpus === undefined) return [];
  return [{ title: `Measure on '${corpus}'`, edits: addEntry(tree, [], 'analysis', `{ corpus: ${corpus} }`) }];
}

/** Rules about what is measured and who waits for it. */
export const analysisChecks: Check[] = [
  {
    code: 'analysis-missing',
    severity: 'error',
    needs: 'file',
    rule: '`after: analysis` and `prune: {by}` need the key `analysis`.',
    *check(context) {
      if (context.tree.has(['analysis'])) return;
      for (const { path } of uses(context))
        yield {
          path,
          message: 'Nothing is measured. Add `analysis: { corpus: NAME }` to the file.',
          fixes: addAnalysis(context),
        };
    },
  },
  {
    code: 'analysis-metric',
    severity: 'error',
    needs: 'file',
    rule: 'The metric that an arm ranks layers by is among `analysis.metrics`.',
    *check(context): Iterable<Finding> {
      const { analysis } = context.experiment;
      if (!analysis) return;
      for (const { path, by } of uses(context)) {
        if (by === undefined || analysis.metrics.includes(by)) continue;
        yield {
          path,
          message: `\`${by}\` is not measured: \`analysis.metrics\` has ${analysis.metrics.join(', ')}. Add it there.`,
          unless: [['analysis']],
        };
      }
    },
  },
  {
    code: 'contiguous-metric',
    severity: 'error',
    needs: 'file',
    rule: '`contiguous` deletes the block that turns the last token least (Gromov et al.), so its metric is `angular`.',
    *check(context) {
      for (const { path, by, contiguous } of uses(context))
        if (contiguous && by !== 'angular')
          yield {
            path,
            message: `A block of neighbours is chosen by the angular distance at the last token, not by \`${by}\`. Write \`by: angular\`, or remove \`contiguous\`.`,
            fixes: changeTo(context.tree, path, 'angular'),
          };
    },
  },
  {
    code: 'analysis-tasks-unused',
    severity: 'warning',
    needs: 'file',
    rule: '`analysis.tasks` are scored by `removal` and `duplication`.',
    *check({ experiment: { analysis } }) {
      if (!analysis || analysis.tasks.length === 0) return;
      if (analysis.metrics.some((metric) => metric === 'removal' || metric === 'duplication')) return;
      yield {
        path: ['analysis', 'tasks'],
        message: 'No task is scored: that takes the metric `removal` or `duplication`. Add one to `analysis.metrics`.',
      };
    },
  },
];
