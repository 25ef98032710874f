import { fail } from '../../base/problem.ts';
import { hostAlias, type Settings } from '../settings.ts';

/** What every remote command is: a POSIX shell that reads what to do from its input. No value ever stands in it. */
export const remoteCommand = 'exec /bin/sh -s';

/**
 * What Strata decides whatever the user's configuration says. `ask` shows an unknown key and refuses a changed one;
 * the user's own forwardings, remote commands and log level would disturb the channel.
 */
const fixed: Readonly<Record<string, string>> = {
  ConnectTimeout: '15',
  ServerAliveInterval: '5',
  ServerAliveCountMax: '3',
  StrictHostKeyChecking: 'ask',
  ForwardAgent: 'no',
  ForwardX11: 'no',
  ClearAllForwardings: 'yes',
  RemoteCommand: 'none',
  PermitLocalCommand: 'no',
  RequestTTY: 'no',
  LogLevel: 'INFO',
};

export interface CommandOptions {
  /** Path with `%C` in it; undefined where connections cannot be shared. */
  controlPath?: string;
  /** Nobody can be asked: ssh fails instead of prompting. */
  batch?: boolean;
  /** The user's configuration wants no question about unknown keys, only a refusal. */
  strict?: boolean;
}

/** Checks the name of a host. It is an argument of ssh and part of paths. Fails with `usage-host`. */
export function checkAlias(alias: string): string {
  if (hostAlias.test(alias)) return alias;
  return fail('usage-host', `${JSON.stringify(alias)} is no name of a host.`, {
    remedy: 'Letters, digits, dot, dash and underscore; give the host such a name in the ssh configuration.',
  });
}

/** Arguments of ssh up to the host. Pure. */
export function sshOptions(ssh: Settings['ssh'], { controlPath, batch, strict }: CommandOptions): string[] {
  const options: Record<string, string> = {
    ...fixed,
    ...(strict && { StrictHostKeyChecking: 'yes' }),
    BatchMode: batch ? 'yes' : 'no',
    ...(controlPath === undefined
      ? { ControlMaster: 'no', ControlPath: 'none' }
      : { ControlMaster: 'auto', ControlPath: controlPath, ControlPersist: '300' }),
  };
  return [
    '-T',
    ...(ssh?.config === undefined ? [] : ['-F', ssh.config]),
    ...Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]),
  ];
}

/** All arguments of the ssh that opens a channel. Fails with `usage-host`. */
export function channelArguments(alias: string, ssh: Settings['ssh'], options: CommandOptions): string[] {
  return [...sshOptions(ssh, options), '--', checkAlias(alias), remoteCommand];
}
