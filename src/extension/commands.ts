/** Where a command stands besides the palette. */
interface MenuRow {
  at: 'view/title' | 'view/item/context' | 'editor/title' | 'explorer/context';
  when: string;
  group: string;
}

/** One command: everything that `package.json` says of it. Its handler is the row of the same id in `handlers.ts`. */
export interface CommandRow {
  /** In sentence form for the palette; `package.nls.json` has it under `command.<id>`. */
  title: string;
  /** Codicon, for toolbars. */
  icon?: string;
  /** When it can be used. */
  enablement?: string;
  /** When the palette lists it; false: never, because it needs an item of a tree. */
  palette?: string | false;
  menus?: readonly MenuRow[];
}

/** Runs other people's code paths (tokenizer expressions, chat templates) or the engine: not in an untrusted folder. */
export const trusted = 'isWorkspaceTrusted';
const inExperiment = 'editorLangId == strata';
const runsView = 'view == strata.runs';
const layersView = 'view == strata.layers';
const hostsView = 'view == strata.hosts';
const hostItem = `${hostsView} && viewItem == host`;

/** A run of the Runs view by what its `contextValue` says: `run`, then what can be done with it. */
const runItem = (ability?: string) =>
  `${runsView} && viewItem =~ /^run\\b${ability === undefined ? '' : `.*\\b${ability}\\b`}/`;
const experimentItem = `${runsView} && viewItem == experiment`;

const title = (when: string, group: string): MenuRow => ({ at: 'view/title', when, group });
const item = (when: string, group: string): MenuRow => ({ at: 'view/item/context', when, group });

/** Every command, one row each; `test/unit/extension/manifest.test.ts` holds `package.json` equal to it. */
export const commands = {
  'strata.run': {
    title: 'Run Experiment',
    icon: 'play',
    enablement: trusted,
    palette: inExperiment,
    menus: [
      { at: 'editor/title', when: `${inExperiment} && ${trusted}`, group: 'navigation@1' },
      item(experimentItem, 'inline@1'),
    ],
  },
  'strata.runOn': {
    title: 'Run On…',
    icon: 'vm-running',
    enablement: trusted,
    palette: inExperiment,
    menus: [item(experimentItem, '1_experiment@0')],
  },
  'strata.plan': {
    title: 'Show Plan',
    icon: 'list-tree',
    enablement: trusted,
    palette: inExperiment,
    menus: [
      { at: 'editor/title', when: `${inExperiment} && ${trusted}`, group: 'navigation@2' },
      item(experimentItem, '1_experiment@2'),
    ],
  },
  'strata.compare': {
    title: 'Compare Arms',
    icon: 'graph',
    enablement: trusted,
    menus: [
      { at: 'editor/title', when: `${inExperiment} && ${trusted}`, group: 'navigation@3' },
      item(experimentItem, 'inline@2'),
    ],
  },
  'strata.openView': {
    title: 'Open Saved View…',
    enablement: trusted,
    menus: [{ at: 'explorer/context', when: 'resourceFilename =~ /\\.strata-view\\.json$/', group: 'navigation@9' }],
  },
  'strata.newExperiment': { title: 'New Experiment…', icon: 'new-file', menus: [title(runsView, 'navigation@1')] },
  'strata.openSampleWorld': { title: 'Open Sample World…' },
  'strata.doctor': { title: 'Doctor', enablement: trusted },
  'strata.showRuns': { title: 'Show Runs' },
  'strata.showOutput': { title: 'Show Output' },
  'strata.restartServer': { title: 'Restart Language Server' },

  'strata.layers.chooseArm': {
    title: 'Choose Arm to Draw…',
    icon: 'layers',
    menus: [title(`${layersView} && strata.layers.hasArms`, 'navigation@1')],
  },
  'strata.layers.chooseImportance': {
    title: 'Choose Importance to Draw…',
    icon: 'symbol-color',
    menus: [title(`${layersView} && strata.layers.hasImportance`, 'navigation@1')],
  },
  'strata.layers.openModel': {
    title: 'Show Layers of Folder…',
    icon: 'folder-opened',
    menus: [title(layersView, 'navigation@2')],
  },
  'strata.layers.compare': {
    title: 'Compare Two Checkpoints…',
    icon: 'diff',
    enablement: trusted,
    menus: [title(layersView, 'navigation@3')],
  },
  'strata.layers.follow': {
    title: 'Show Layers of the Active Experiment',
    icon: 'go-to-file',
    menus: [title(`${layersView} && strata.layers.pinned`, 'navigation@0')],
  },
  'strata.layers.refresh': { title: 'Refresh Layers', icon: 'refresh', menus: [title(layersView, 'z_commands@1')] },
  'strata.layers.openResource': {
    title: 'Show Layers',
    palette: false,
    menus: [{ at: 'explorer/context', when: 'explorerResourceIsFolder', group: '7_strata@1' }],
  },
  'strata.layers.copyName': {
    title: 'Copy Name',
    palette: false,
    menus: [item(`${layersView} && viewItem =~ /named/`, '9_copy@1')],
  },

  'strata.hosts.refresh': { title: 'Refresh Hosts', icon: 'refresh', menus: [title(hostsView, 'navigation@1')] },
  'strata.hosts.probe': {
    title: 'Probe Host',
    icon: 'search',
    enablement: trusted,
    menus: [item(hostItem, 'inline@2')],
  },
  'strata.hosts.run': {
    title: 'Run Experiment on This Host',
    icon: 'play',
    enablement: trusted,
    palette: false,
    menus: [item(hostItem, 'inline@1')],
  },

  'strata.runs.refresh': { title: 'Refresh Runs', icon: 'refresh', menus: [title(runsView, 'z_commands@1')] },
  'strata.runs.openExperiment': {
    title: 'Open Experiment File',
    palette: false,
    menus: [item(experimentItem, '1_experiment@1')],
  },
  'strata.runs.cancel': {
    title: 'Cancel Run',
    icon: 'debug-stop',
    enablement: trusted,
    palette: false,
    menus: [item(runItem('cancelable'), 'inline@1')],
  },
  'strata.runs.resume': {
    title: 'Resume Run',
    icon: 'debug-continue',
    enablement: trusted,
    palette: false,
    menus: [item(runItem('resumable'), 'inline@1')],
  },
  'strata.runs.attach': {
    title: 'Attach in Terminal',
    enablement: trusted,
    palette: false,
    menus: [item(runItem('cancelable'), '1_run@1')],
  },
  'strata.runs.log': {
    title: 'Show Log',
    icon: 'output',
    enablement: trusted,
    palette: false,
    menus: [item(runItem(), 'inline@2'), item(runItem(), '1_run@2')],
  },
  'strata.runs.verify': {
    title: 'Verify Proofs',
    enablement: trusted,
    palette: false,
    menus: [item(runItem('finished'), '1_run@3')],
  },
  'strata.runs.openModel': {
    title: 'Show Layers of Its Model',
    palette: false,
    menus: [item(runItem('modelled'), '2_model@1')],
  },
  'strata.runs.compare': {
    title: 'Compare Runs',
    enablement: trusted,
    palette: false,
    menus: [item(runItem(), '2_model@0')],
  },
  'strata.runs.diff': {
    title: 'Compare Specs',
    palette: false,
    menus: [item(`${runItem()} && listDoubleSelection`, '2_model@2')],
  },
  'strata.runs.reveal': {
    title: 'Reveal Run Directory',
    palette: false,
    menus: [item(runItem(), '3_files@1')],
  },
  'strata.runs.copyId': { title: 'Copy Id', palette: false, menus: [item(runItem(), '3_files@2')] },
  'strata.runs.delete': {
    title: 'Delete Run…',
    enablement: trusted,
    palette: false,
    menus: [item(`${runsView} && viewItem =~ /\\bremovable\\b/`, '9_delete@1')],
  },
} as const satisfies Record<string, CommandRow>;

export type CommandId = keyof typeof commands;
