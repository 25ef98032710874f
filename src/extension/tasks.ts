import { dirname } from 'node:path';
import * as vscode from 'vscode';
import { program } from './app.ts';

/** What stands in `tasks.json`: `{ "type": "strata", "verb": "run", "file": "x.strata.yaml", "arms": ["s"], "seeds": [1] }`. */
interface Definition extends vscode.TaskDefinition {
  verb: (typeof taskVerbs)[number];
  /** Relative to the workspace folder. */
  file: string;
  arms?: string[];
  seeds?: number[];
}

export const taskType = 'strata';
export const taskVerbs = ['run', 'plan', 'check', 'compare'] as const;

/** Runs experiments as tasks: in a terminal, with the command line's own progress; Ctrl-C detaches from the runs. */
export function provideTasks(context: vscode.ExtensionContext): vscode.Disposable {
  return vscode.tasks.registerTaskProvider(taskType, {
    async provideTasks() {
      const files = await vscode.workspace.findFiles('**/*.strata.yaml', '**/node_modules/**', 200);
      return files.flatMap((uri) => {
        const folder = vscode.workspace.getWorkspaceFolder(uri);
        const file = vscode.workspace.asRelativePath(uri, false);
        return folder ? [task(context, folder, { type: taskType, verb: 'run', file })] : [];
      });
    },
    resolveTask({ definition, scope }) {
      const folder = typeof scope === 'object' ? scope : vscode.workspace.workspaceFolders?.[0];
      return folder && isDefinition(definition) ? task(context, folder, definition) : undefined;
    },
  });
}

function isDefinition(definition: vscode.TaskDefinition): definition is Definition {
  const { verb, file } = definition;
  return typeof file === 'string' && taskVerbs.some((known) => known === verb);
}

function task(context: vscode.ExtensionContext, folder: vscode.WorkspaceFolder, definition: Definition): vscode.Task {
  const { verb, file, arms = [], seeds = [] } = definition;
  const { command, args, env } = program(context);
  const path = vscode.Uri.joinPath(folder.uri, file).fsPath;
  const options = [
    ...(arms.length > 0 ? ['--arm', arms.join(',')] : []),
    ...(seeds.length > 0 ? ['--seed', seeds.join(',')] : []),
  ];
  const execution = new vscode.ProcessExecution(command, [...args, verb, path, ...options], {
    cwd: dirname(path),
    env,
  });
  const made = new vscode.Task(definition, folder, `${verb} ${file}`, 'strata', execution);
  made.detail = `strata ${[verb, file, ...options].join(' ')}`;
  return made;
}
