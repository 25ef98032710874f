import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { localPlace } from '../../src/launch/local.ts';
import { temporaryFolder } from '../support.ts';
import { buildProgram, eventually, order, processesOf, temporaryPlace, until } from './support.ts';

const options = { skip: process.platform === 'linux' ? false : 'processes are looked at through /proc' };
const program = await buildProgram(await temporaryFolder());

test(
  'a run directory that is removed while its worker writes: its processes end, and nothing of it comes back',
  options,
  async () => {
    const home = await temporaryPlace();
    const place = localPlace(home, program);
    const doomed = order('demo-s-1-00000001', { work: 600_000, deaf: true, checkpoints: true });
    const other = order('demo-t-1-00000002', { work: 6000 });
    await place.order([doomed, other]);
    await place.wake(2);
    const folder = join(home.runs, doomed.id);
    await until(folder, 'running');
    await eventually('it has written', () => existsSync(join(folder, 'checkpoint', 'step')));
    await rm(folder, { recursive: true, maxRetries: 50, retryDelay: 10 });
    await eventually('it has written anew', () => existsSync(join(folder, 'checkpoint', 'step')));
    await eventually('its processes are gone', () => processesOf(folder).length === 0);
    assert.equal(existsSync(folder), false);
    await until(join(home.runs, other.id), 'succeeded');
    await eventually('the dispatcher has ended', () => processesOf(home.folder).length === 0);
  },
);
