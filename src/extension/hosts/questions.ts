import * as vscode from 'vscode';
import { type Askpass, serveAskpass } from '../../launch/ssh/askpass.ts';
import type { Question } from '../../launch/ssh/prompt.ts';

type Answer<K extends Question['kind']> = (
  question: Extract<Question, { kind: K }>,
) => Thenable<string | undefined> | string | undefined;

/** How each kind of question of ssh is put: one dialog each. Closing a dialog refuses. */
export const dialogs: { [K in Question['kind']]: Answer<K> } = {
  'host-key': async ({ host, address, keyType, fingerprint, alsoKnownAs }) => {
    const trust = vscode.l10n.t('Trust This Host');
    const name = address === undefined ? host : `${host} (${address})`;
    const also = alsoKnownAs ? [vscode.l10n.t('The same key is known for: {0}', alsoKnownAs.join(', '))] : [];
    const detail = [
      vscode.l10n.t('Its {0} key is', keyType),
      fingerprint,
      ...also,
      vscode.l10n.t('Trust it only if its administrator names the same fingerprint.'),
    ].join('\n');
    const question = vscode.l10n.t('The host {0} is not known yet.', name);
    const chosen = await vscode.window.showWarningMessage(question, { modal: true, detail }, trust);
    return chosen === trust ? 'yes' : 'no';
  },
  secret: ({ text }) => vscode.window.showInputBox({ password: true, ignoreFocusOut: true, prompt: text }),
  confirm: async ({ text }) => {
    const yes = vscode.l10n.t('Yes');
    return (await vscode.window.showWarningMessage(text, { modal: true }, yes)) === yes ? 'yes' : 'no';
  },
  notice: ({ text }) => {
    vscode.window.showInformationMessage(text);
    return '';
  },
};

/** Answers what ssh asks below the command line with dialogs of the editor. Made when the first verb may need it. */
export class Questions implements vscode.Disposable {
  #askpass: Promise<Askpass> | undefined;

  /** The environment of a verb whose ssh may ask. */
  async env(): Promise<Record<string, string>> {
    this.#askpass ??= serveAskpass(async (question) =>
      (dialogs[question.kind] as (question: Question) => Promise<string | undefined>)(question),
    );
    return (await this.#askpass).env;
  }

  dispose(): void {
    void this.#askpass?.then((askpass) => askpass.dispose()).catch(() => {});
  }
}
