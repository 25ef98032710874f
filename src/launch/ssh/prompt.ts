/** A question of ssh, understood. */
export type Question =
  /** A host that was never seen: yes or no. */
  | { kind: 'host-key'; host: string; address?: string; keyType: string; fingerprint: string; alsoKnownAs?: string[] }
  /** A secret: passphrase of a key, password, code of a second factor. */
  | { kind: 'secret'; text: string }
  /** Any other question that is answered yes or no. */
  | { kind: 'confirm'; text: string }
  /** Only to be shown, such as "touch your key". */
  | { kind: 'notice'; text: string };

/** Who answers: a terminal, a dialog of the editor. Undefined: it was refused. A host key is trusted by `yes`. */
export type Prompter = (question: Question) => Promise<string | undefined>;

/**
 * What ssh asks. `hint` is its SSH_ASKPASS_PROMPT. Texts are those of OpenSSH (sshconnect.c, readpass.c), which are not
 * translated. Pure.
 */
export function understand(text: string, hint?: string): Question {
  const clean = printable(text);
  if (hint === 'none') return { kind: 'notice', text: clean };
  const host = /^The authenticity of host '(.+?)(?: \((.+?)\))?' can't be established/m.exec(clean);
  const key = /^(\S+) key fingerprint is (\S+?)\.?$/m.exec(clean);
  if (host && key) {
    const also = /known by the following other names\/addresses:\n((?:\s+.*\n?)+)/.exec(clean)?.[1];
    return {
      kind: 'host-key',
      host: host[1]!,
      ...(host[2] !== undefined && host[2] !== host[1] && { address: host[2] }),
      keyType: key[1]!,
      fingerprint: key[2]!,
      ...(also !== undefined && { alsoKnownAs: also.trim().split(/\n\s*/) }),
    };
  }
  if (hint === 'confirm' || /\(yes\/no(?:\/\[fingerprint\])?\)|Please type 'yes'/.test(clean)) {
    return { kind: 'confirm', text: clean };
  }
  return { kind: 'secret', text: clean };
}

/** A server chooses some of the words of a prompt: nothing of it may steer a terminal. */
function printable(text: string): string {
  return [...text]
    .filter((c) => c === '\n' || c === '\t' || (c >= ' ' && c !== '\x7f' && !(c >= '\x80' && c <= '\x9f')))
    .join('')
    .trim()
    .slice(0, 4000);
}
