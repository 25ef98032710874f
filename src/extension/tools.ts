import * as vscode from 'vscode';
import { attempt, sentence } from '../base/problem.ts';
import { states } from '../record/state.ts';
import { type App, signalOf, strata } from './app.ts';
import { workspaceFolder } from './documents.ts';
import type { LayerNode } from './layers/node.ts';
import { failure } from './program.ts';
import { runExperiment } from './run.ts';
import { isDamaged } from './runs/entry.ts';
import { progressWords, valueWords } from './runs/tree.ts';

/** A tool for language models: what it answers is text that makes sense to a model, also when something is wrong. */
interface Tool<Input extends object> {
  /** Shown while it works. */
  says: string;
  /** The question to be agreed to first; absent: it only reads. */
  asks?: (input: Input) => { title: string; message: string };
  answer(app: App, input: Input, token: vscode.CancellationToken): Promise<string>;
}

const tool = <Input extends object>(row: Tool<Input>): Tool<Input> => row;

/** Tools by the name that `package.json` declares (`languageModelTools`). */
export const tools = {
  list_runs: tool<{ experiment?: string; state?: string }>({
    says: 'Listing the runs',
    async answer({ index }, { experiment, state }) {
      const runs = index
        .entries()
        .flatMap((entry) => (isDamaged(entry) ? [] : [entry]))
        .filter((run) => experiment === undefined || run.experiment.stem === stemOf(experiment))
        .filter((run) => state === undefined || states[run.state].word === state || run.state === state)
        .sort((a, b) => b.asked - a.asked);
      if (runs.length === 0) return 'There are no such runs in this workspace.';
      const lines = runs.slice(0, mostRuns).map((run) => {
        const facts = states[run.state].active ? progressWords(run) : valueWords(run);
        const seed = run.seed === undefined ? '' : `, seed ${run.seed}`;
        const reason = run.reason === undefined ? '' : ` (${run.reason})`;
        return `${run.id}: arm ${run.arm}${seed}, ${states[run.state].word}${reason}${facts.map((f) => `, ${f}`).join('')}`;
      });
      const rest = runs.length - lines.length;
      return [...lines, ...(rest > 0 ? [`… and ${rest} older ones`] : [])].join('\n');
    },
  }),
  compare_runs: tool<{ experiment?: string; runs?: string[] }>({
    says: 'Comparing arms',
    async answer(app, { experiment, runs = [] }, token) {
      if (!vscode.workspace.isTrusted) return 'The workspace is not trusted, so experiments are not evaluated in it.';
      const what = experiment === undefined ? runs : [await fileOf(experiment)];
      if (what.length === 0) return 'Name an experiment file or at least one run id; list_runs lists them.';
      const options = { cwd: homeFolder(app), signal: signalOf(token) };
      const finished = await strata(app, ['compare', ...what, '--format', 'md'], options);
      return finished.code === 0 ? finished.stdout : failure(finished);
    },
  }),
  describe_layers: tool<{ model?: string; experiment?: string; arm?: string }>({
    says: 'Reading the layers',
    async answer({ index }, { model, experiment, arm }) {
      const described = await attempt(async () => {
        const { describeExperiment, describeModel } = await import('./layers/describe.ts');
        if (model !== undefined)
          return describeModel(vscode.Uri.joinPath(vscode.Uri.file(workspaceFolder()), model).fsPath, index.homes);
        const file = await fileOf(experiment ?? '');
        const text = await vscode.workspace.openTextDocument(file);
        return describeExperiment(text.getText(), file, { arm });
      });
      if (!described.ok) return sentence(described.problem);
      const { root, problem, arms } = described.value;
      const lines = root ? [`${root.label}: ${root.description}`, ...root.children.map(line)] : [];
      const armLines = arms.map(({ name, words, pending }) => `arm ${name}: ${pending ?? words}`);
      return [...(problem === undefined ? [] : [problem]), ...lines, ...armLines].join('\n');
    },
  }),
  run_experiment: tool<{ experiment: string; arm?: string }>({
    says: 'Starting the runs',
    asks: ({ experiment, arm }) => ({
      title: vscode.l10n.t('Run an experiment'),
      message: vscode.l10n.t(
        'Start the runs of {0} on this machine? They may take long.',
        arm === undefined ? experiment : vscode.l10n.t('{0} (arm {1})', experiment, arm),
      ),
    }),
    async answer(app, { experiment, arm }) {
      if (!vscode.workspace.isTrusted) return 'The workspace is not trusted, so nothing is run in it.';
      const uri = vscode.Uri.file(await fileOf(experiment));
      const ids = await runExperiment(app, { uri, confirmed: true, ...(arm !== undefined && { arm }) });
      if (!ids)
        return 'Nothing was started: the file has errors, or the person declined. The Problems view has the errors.';
      return `Started or found: ${ids.join(', ')}. list_runs shows how they go on.`;
    },
  }),
};

const mostRuns = 50;
const stemOf = (file: string): string => file.replace(/^.*[/\\]/, '').replace(/\.strata\.ya?ml$/, '');
const line = ({ label, description }: LayerNode): string => `${label}: ${description}`;
/** Where ids of runs are looked for: beside the runs that are known. */
const homeFolder = ({ index }: App): string => index.homes[0] ?? workspaceFolder();

/** An experiment file by its path in the workspace or by its name; fails with a sentence for the model. */
async function fileOf(experiment: string): Promise<string> {
  const files = await vscode.workspace.findFiles('**/*.strata.yaml', '**/node_modules/**', 200);
  const names = files.map((uri) => ({ path: uri.fsPath, name: vscode.workspace.asRelativePath(uri) }));
  const found =
    names.find(({ path, name }) => path === experiment || name === experiment) ??
    names.find(({ name }) => stemOf(name) === stemOf(experiment));
  if (!found)
    throw new Error(
      `There is no experiment "${experiment}". There are: ${names.map((n) => n.name).join(', ') || 'none'}.`,
    );
  return found.path;
}

export function provideTools(app: App): vscode.Disposable {
  return vscode.Disposable.from(
    ...Object.entries(tools).map(([name, row]) => register(app, name, row as Tool<object>)),
  );
}

function register(app: App, name: string, { says, asks, answer }: Tool<object>): vscode.Disposable {
  return vscode.lm.registerTool<object>(name, {
    prepareInvocation({ input }) {
      return { invocationMessage: says, ...(asks && { confirmationMessages: asks(input) }) };
    },
    async invoke({ input }, token) {
      const text = await answer(app, input, token);
      return new vscode.LanguageModelToolResult([new vscode.LanguageModelTextPart(text)]);
    },
  });
}
