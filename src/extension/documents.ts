import { dirname } from 'node:path';
import * as vscode from 'vscode';
import { strata } from './app.ts';
import { failure } from './program.ts';

/** A read-only document that shows what a verb of the command line says. */
interface Kind {
  verb: (argument: string, more: readonly string[]) => string[];
  /** Of the tab. */
  name: (argument: string) => string;
  /** Shown while the verb works. */
  working: string;
}

const nameOf = (path: string): string => path.replace(/^.*[/\\]/, '').replace(/\.strata\.ya?ml$/, '');

/** Kinds by name; nothing else can be opened under the scheme, whatever a link says. */
const kinds = {
  plan: {
    verb: (file, arms) => ['plan', file, ...(arms.length > 0 ? ['--arm', arms.join(',')] : [])],
    name: (file) => `${nameOf(file)} (plan)`,
    working: 'Planning…',
  },
  log: { verb: (folder) => ['logs', folder], name: (folder) => `${nameOf(folder)} (log)`, working: 'Reading…' },
  verify: {
    verb: (folder) => ['verify', folder],
    name: (folder) => `${nameOf(folder)} (proofs)`,
    working: 'Hashing all tensors again…',
  },
  doctor: { verb: () => ['doctor'], name: () => 'Strata Doctor', working: 'Measuring…' },
} as const satisfies Record<string, Kind>;

export type DocumentKind = keyof typeof kinds;
const scheme = 'strata';

/** Documents of the scheme `strata`. A document is made again whenever it is asked for by a command. */
export class Documents implements vscode.TextDocumentContentProvider, vscode.Disposable {
  readonly #app: { context: vscode.ExtensionContext; log: vscode.LogOutputChannel };
  readonly #changed = new vscode.EventEmitter<vscode.Uri>();
  readonly onDidChange = this.#changed.event;
  readonly #texts = new Map<string, string>();
  readonly #registration: vscode.Disposable;

  constructor(app: { context: vscode.ExtensionContext; log: vscode.LogOutputChannel }) {
    this.#app = app;
    this.#registration = vscode.workspace.registerTextDocumentContentProvider(scheme, this);
  }

  provideTextDocumentContent(uri: vscode.Uri): string {
    const known = this.#texts.get(uri.toString());
    if (known !== undefined) return known;
    // A tab of an earlier window: what it showed is made again only when somebody asks for it.
    return vscode.l10n.t('This is from an earlier window. Run the command again to see it as it is now.');
  }

  /** Opens a document at once and fills it when the verb has ended. Returns its text. */
  async show(kind: DocumentKind, argument = '', more: readonly string[] = []): Promise<string> {
    const { name, verb, working }: Kind = kinds[kind];
    const uri = vscode.Uri.from({
      scheme,
      path: `/${name(argument)}`,
      query: JSON.stringify([kind, argument, ...more]),
    });
    this.#set(uri, working);
    const plain = await vscode.workspace.openTextDocument(uri);
    // In columns, where guides of an indentation would be read as strokes: the language's defaults switch them off.
    const document = await vscode.languages.setTextDocumentLanguage(plain, 'strata-document');
    await vscode.window.showTextDocument(document, { preview: false, preserveFocus: kind === 'plan' });
    const cwd = argument === '' ? workspaceFolder() : dirname(argument);
    const finished = await vscode.window.withProgress(
      { location: vscode.ProgressLocation.Window, title: working },
      () => strata(this.#app, verb(argument, more), { cwd }),
    );
    const said = [finished.stdout.trimEnd(), finished.code === 0 || kind === 'doctor' ? '' : finished.stderr.trimEnd()];
    const text = said.filter(Boolean).join('\n\n');
    return this.#set(uri, text === '' ? (finished.code === 0 ? 'Nothing yet.' : failure(finished)) : text);
  }

  dispose(): void {
    this.#registration.dispose();
    this.#changed.dispose();
  }

  #set(uri: vscode.Uri, text: string): string {
    this.#texts.set(uri.toString(), text);
    this.#changed.fire(uri);
    return text;
  }
}

/** The first folder of the workspace, or the home folder. */
export function workspaceFolder(): string {
  return vscode.workspace.workspaceFolders?.[0]?.uri.fsPath ?? process.env['HOME'] ?? process.cwd();
}
