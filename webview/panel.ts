// The language first: tables of texts are made while modules are loaded.
import './language.ts';

import '@vscode-elements/elements/dist/vscode-button/index.js';
import '@vscode-elements/elements/dist/vscode-option/index.js';
import '@vscode-elements/elements/dist/vscode-single-select/index.js';
import '@vscode-elements/elements/dist/vscode-textfield/index.js';
import './panel.css';
import { createPanel } from './ui/app.ts';
import { connect } from './ui/host.ts';

createPanel(document.getElementById('panel')!, connect());
