import { t } from '../../base/translate.ts';
import type { Finding } from '../../launch/finding.ts';
import type { ListedHost } from '../../launch/hosts.ts';

/** A row of the Hosts view, as plain data. */
export interface HostNode {
  key: string;
  kind: 'host' | 'finding';
  /** Alias of the ssh configuration. */
  host: string;
  label: string;
  description: string;
  icon: { id: string; color?: string };
  context: string;
  spoken: string;
  tooltip: string;
}

/** What is known of a host: what was found when it was looked at, or why it could not be. */
export type Looked = { findings: Finding[] } | { problem: string } | 'looking';

const findingIcons: Record<Finding['state'], HostNode['icon']> = {
  ok: { id: 'pass', color: 'testing.iconPassed' },
  warning: { id: 'warning', color: 'list.warningForeground' },
  missing: { id: 'error', color: 'list.errorForeground' },
};

/** The icon of a host by what was found: the worst of it. Pure. */
function hostIcon(looked: Looked | undefined): HostNode['icon'] {
  if (looked === undefined) return { id: 'vm' };
  if (looked === 'looking') return { id: 'loading~spin' };
  if ('problem' in looked) return { id: 'vm-outline', color: 'list.errorForeground' };
  const missing = looked.findings.some(({ state }) => state === 'missing');
  return missing
    ? { id: 'vm-outline', color: 'list.warningForeground' }
    : { id: 'vm-active', color: 'testing.iconPassed' };
}

/** What a look at a host says in a few words: why not, what is missing, or its cards and memory. Pure. */
export function lookedWords(looked: Looked | undefined): string | undefined {
  if (looked === undefined) return undefined;
  if (looked === 'looking') return t('looking…');
  if ('problem' in looked) return looked.problem;
  const missing = looked.findings.filter(({ state }) => state === 'missing').map(({ name }) => name);
  if (missing.length > 0) return t('lacks {0}', missing.join(', '));
  const shown = looked.findings.filter(({ name }) => name === 'gpu' || name === 'memory').map(({ found }) => found);
  return shown.join(' · ') || t('ready');
}

/** `viewItem` of a host's row. */
const hostContext = 'host';

const sourceWord = (source: ListedHost['sources'][number]): string =>
  ({ experiment: t('experiment'), settings: t('settings'), ssh: t('ssh configuration') })[source];

/** Pure. */
export function hostNode({ name, address, jump, sources, used }: ListedHost, looked?: Looked): HostNode {
  const words = lookedWords(looked);
  const way = jump === undefined ? address : t('{0} by way of {1}', address ?? name, jump);
  const facts = [words ?? way ?? ''].filter(Boolean);
  return {
    key: name,
    kind: 'host',
    host: name,
    label: name,
    description: facts.join(' · '),
    icon: hostIcon(looked),
    context: hostContext,
    spoken: [t('host {0}', name), ...facts].join(', '),
    tooltip: [
      name,
      ...(way === undefined ? [] : [way]),
      t('named in: {0}', sources.map(sourceWord).join(', ')),
      ...(used === undefined ? [] : [t('last used {0}', new Date(used).toLocaleString())]),
      ...(words === undefined ? [] : [words]),
    ].join('\n'),
  };
}

/** Pure. */
export function findingNode(host: string, { name, state, found, remedy }: Finding, index: number): HostNode {
  return {
    key: `${host}\n${index}`,
    kind: 'finding',
    host,
    label: name,
    description: found,
    icon: findingIcons[state],
    context: 'finding',
    spoken: `${name}, ${state}, ${found}${remedy === undefined ? '' : `. ${remedy}`}`,
    tooltip: remedy === undefined ? found : `${found}\n\n${remedy}`,
  };
}
