// Room boundaries: a room may import only the rooms above it in this list (CONTRIBUTING.md has the map).
const rooms = [
  'base',
  'statistics',
  'tasks',
  'experiment',
  'model',
  'data',
  'device',
  'graph',
  'plan',
  'record',
  'engine',
  'evaluate',
  'analyze',
  'runner',
  'launch',
  'report',
  'protocol',
  'language',
  'cli',
  'extension',
];
// These meet the computing rooms only through run directories.
const readers = ['launch', 'report', 'protocol', 'language', 'extension'];
const computing = ['graph', 'engine', 'evaluate', 'analyze', 'runner'];

module.exports = {
  forbidden: [
    ...rooms.slice(0, -1).map((room, i) => ({
      name: `${room}-imports-only-above`,
      severity: 'error',
      comment: 'A room may import only rooms above it.',
      from: { path: `^src/${room}/` },
      to: { path: `^src/(${rooms.slice(i + 1).join('|')})/` },
    })),
    {
      name: 'readers-do-not-compute',
      severity: 'error',
      comment: 'These rooms meet the computing rooms only through run directories.',
      from: { path: `^(src/(${readers.join('|')})|webview)/` },
      to: { path: `^src/(${computing.join('|')})/` },
    },
    {
      name: 'cli-is-not-the-editor',
      severity: 'error',
      from: { path: '^src/cli/' },
      to: { path: '^src/(language|extension)/' },
    },
    {
      name: 'onnxruntime-only-in-engine',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/engine/' },
      to: { path: 'onnxruntime-node' },
    },
    {
      name: 'vscode-only-in-extension',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/extension/' },
      to: { path: '^vscode$' },
    },
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'require', 'node', 'default'] },
  },
};
