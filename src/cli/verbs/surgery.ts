import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { fail, sentence } from '../../base/problem.ts';
import { tooManyBlocks } from '../../experiment/expand-rule.ts';
import { parse } from '../../experiment/parse.ts';
import { layerChanges } from '../../experiment/stack.ts';
import type { ArmSpec } from '../../experiment/types.ts';
import { surgeryFolder } from '../../model/export.ts';
import { planSurgery } from '../../model/surgery.ts';
import type { StackLayer, Surgery } from '../../model/types.ts';
import { interruptible } from '../interruptible.ts';
import { openModelArgument } from '../model-argument.ts';
import { createProgress } from '../progress.ts';
import type { Verb } from '../verb.ts';

const inits = ['average', 'copy', 'random'] as const;

/** Only the surgery of an arm: a complete Hugging Face folder. */
export const surgery: Verb = {
  name: 'surgery',
  summary: 'insert, delete or average layers of a model; writes a Hugging Face folder',
  configure(command: Command) {
    command
      .argument('<model>', 'folder, run, or an id in the local Hugging Face cache')
      .argument('<out>', 'folder to be written; must not exist')
      .option('--arm <file:arm>', 'the surgery of an arm of an experiment file')
      .option('--expand-after <layers>', 'insert a block after each of these layers, e.g. 1,3,3')
      .option('--init <how>', `how inserted blocks begin: ${inits.join(', ')}`)
      .option('--no-identity', 'do not zero o_proj and down_proj of inserted blocks')
      .option('--prune-last <n>', 'delete the last n layers')
      .option('--prune-layers <layers>', 'delete these layers')
      .option('--merge-into <layer>', 'this layer becomes the average of --merge-of')
      .option('--merge-of <layers>', 'layers to average; may be deleted ones')
      .option('--seed <n>', 'seed of random blocks (default 1)');
  },
  async run(io, [argument = '', out = ''], options) {
    const model = await openModelArgument(argument, io.cwd);
    const wanted =
      typeof options['arm'] === 'string'
        ? await fromArm(options['arm'], options, io.cwd, model.config.layers)
        : fromFlags(options, model.config.layers);
    const plan = planSurgery(model.config, model.tensors, wanted, whole(options['seed'] ?? '1', '--seed'));
    const progress = createProgress(io, { unit: 'bytes' });
    const target = resolve(io.cwd, out);
    const finished = await interruptible(
      (signal) => surgeryFolder(model, plan, target, { progress, signal }),
      progress,
    );
    if (!finished) return 130;
    if (io.json) io.out(JSON.stringify({ folder: target, surgery: wanted, layers: plan.layers }, null, 2));
    else io.out(`${target}: ${plan.layers.length} layers: ${plan.layers.map(shortLabel).join(' ')}`);
    return 0;
  },
};

function shortLabel(layer: StackLayer): string {
  return layer.kind === 'merged' ? `${layer.label}(average of ${layer.of.join(',')})` : layer.label;
}

const flagNames = ['expandAfter', 'init', 'pruneLast', 'pruneLayers', 'mergeInto', 'mergeOf'];

async function fromArm(text: string, options: Record<string, unknown>, cwd: string, layers: number): Promise<Surgery> {
  if (flagNames.some((name) => options[name] !== undefined) || options['identity'] === false)
    fail('usage-surgery', '--arm and flags that say the surgery themselves exclude each other.', {
      remedy: 'Give the one or the other.',
    });
  const colon = text.lastIndexOf(':');
  if (colon < 1) fail('usage-surgery', `--arm ${text} names no arm.`, { remedy: 'Write --arm FILE:ARM.' });
  const file = resolve(cwd, text.slice(0, colon));
  const name = text.slice(colon + 1);
  const { experiment, diagnostics } = parse(await readFile(file, 'utf8'), { file });
  if (!experiment) {
    const first = diagnostics.find((d) => d.severity === 'error')!;
    return fail('invalid-experiment', sentence({ code: first.code, message: first.message }), {
      place: `${file}:${first.line}:${first.column}`,
      remedy: 'strata check lists all that is wrong in the file.',
    });
  }
  const arm = Object.hasOwn(experiment.arms, name) ? experiment.arms[name] : undefined;
  if (!arm)
    return fail('unknown-arm', `${file} has no arm ${name}.`, {
      remedy: `Its arms are ${Object.keys(experiment.arms).join(', ')}.`,
    });
  const after = arm.expand?.after;
  const misfit = after?.kind === 'rule' ? tooManyBlocks(after.rule, after.blocks, layers) : undefined;
  if (misfit !== undefined)
    fail('invalid-surgery', `The arm ${name}: ${misfit}`, { place: file, remedy: 'Insert fewer blocks.' });
  return ofArm(arm, layers, file);
}

function ofArm(arm: ArmSpec, layers: number, file: string): Surgery {
  const { inserted, pruned } = layerChanges(arm, layers);
  if (!inserted || !pruned)
    return fail('not-available-pending', `The surgery of the arm ${arm.name} depends on an analysis.`, {
      place: file,
      remedy: 'Run strata analyze, and write the layers that it suggests into the arm.',
    });
  return {
    ...(arm.expand ? { expand: { after: inserted, init: arm.expand.init, identity: arm.expand.identity } } : {}),
    ...(arm.prune ? { prune: pruned } : {}),
    ...(arm.merge ? { merge: { into: arm.merge.into, of: arm.merge.of } } : {}),
  };
}

function fromFlags(options: Record<string, unknown>, layers: number): Surgery {
  const after = list(options['expandAfter'], '--expand-after');
  const init = options['init'] ?? 'average';
  if (!inits.includes(init as (typeof inits)[number]))
    fail('usage-surgery', `--init ${String(init)} is unknown.`, { remedy: `It is one of ${inits.join(', ')}.` });
  if (!after && (options['init'] !== undefined || options['identity'] === false))
    fail('usage-surgery', '--init and --no-identity say how inserted blocks begin, but none is inserted.', {
      remedy: 'Add --expand-after.',
    });
  const last = options['pruneLast'] === undefined ? undefined : whole(options['pruneLast'], '--prune-last');
  const named = list(options['pruneLayers'], '--prune-layers');
  if (last !== undefined && named)
    fail('usage-surgery', '--prune-last and --prune-layers exclude each other.', { remedy: 'Give one of them.' });
  if (last !== undefined && last > layers)
    fail('usage-surgery', `--prune-last ${last} is more than the ${layers} layers of the model.`, {
      remedy: 'Give a smaller number.',
    });
  const prune = named ?? (last ? Array.from({ length: last }, (_, i) => layers - last + i) : undefined);
  const of = list(options['mergeOf'], '--merge-of');
  const into = options['mergeInto'] === undefined ? undefined : whole(options['mergeInto'], '--merge-into');
  if ((of === undefined) !== (into === undefined))
    fail('usage-surgery', '--merge-into and --merge-of belong together.', { remedy: 'Give both.' });
  if (!after && !prune && !of)
    fail('usage-surgery', 'No surgery is asked for.', {
      remedy: 'Give --arm FILE:ARM, or --expand-after, --prune-last, --prune-layers, --merge-into with --merge-of.',
    });
  return {
    ...(after
      ? { expand: { after, init: init as (typeof inits)[number], identity: options['identity'] !== false } }
      : {}),
    ...(prune ? { prune } : {}),
    ...(of && into !== undefined ? { merge: { into, of } } : {}),
  };
}

function whole(value: unknown, flag: string): number {
  if (typeof value === 'string' && /^\d{1,9}$/.test(value.trim())) return Number(value);
  return fail('usage-number', `${flag} needs a whole number, not ${String(value)}.`, { remedy: `Write ${flag} 3.` });
}

function list(value: unknown, flag: string): number[] | undefined {
  return value === undefined
    ? undefined
    : String(value)
        .split(',')
        .map((part) => whole(part, flag));
}
