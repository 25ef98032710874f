import { runAll } from './runner.ts';
import './first-steps.ts';
import './importance.ts';
import './bad-days.ts';

export const run = runAll;
