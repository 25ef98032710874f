import { runAll } from './runner.ts';
// In this order: what one leaves is what the next begins with.
import './language.ts';
import './workbench.ts';
import './leave.ts';

export const run = runAll;
