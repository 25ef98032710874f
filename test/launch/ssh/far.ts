import { cp, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import esbuild from 'esbuild';
import type { Host } from '../../../src/launch/host.ts';
import type { Order, Place } from '../../../src/launch/place.ts';
import { keepMirrors } from '../../../src/launch/remote/mirror.ts';
import { remotePlace } from '../../../src/launch/remote/place.ts';
import type { Settings } from '../../../src/launch/settings.ts';
import { sshHost } from '../../../src/launch/ssh/host.ts';
import { type Home, home } from '../../../src/record/layout.ts';
import { root } from '../../support.ts';
import { writeTinyModel } from '../../tiny-model.ts';
import type { Behaviour } from '../program.ts';
import { order } from '../support.ts';
import type { Lab } from './lab.ts';

/** A lab's machine as a place: the real agent over ssh, and a worker that computes nothing (`../program.ts`). */
export interface Far {
  here: Home;
  host: Host;
  place: Place;
  /** Run directories there. */
  runs: string;
  order(id: string, behaviour: Behaviour): Order;
  /** Keeps the mirrors in this process until all runs are complete, or it is aborted. */
  mirror(signal?: AbortSignal): ReturnType<typeof keepMirrors>;
}

async function bundle(source: string, outfile: string): Promise<void> {
  await esbuild.build({
    entryPoints: [join(root, source)],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node18',
    logLevel: 'warning',
  });
}

export async function far(
  lab: Pick<Lab, 'folder' | 'home' | 'alias' | 'settings'>,
  hostSettings: NonNullable<Settings['hosts']>[string] = {},
): Promise<Far> {
  const dist = join(lab.folder, 'dist');
  await mkdir(dist);
  await bundle('src/launch/agent/main.ts', join(dist, 'agent.mjs'));
  await bundle('test/launch/program.ts', join(dist, 'strata.mjs'));
  await cp(join(dist, 'strata.mjs'), join(dist, 'sandbox.mjs'));
  const here = home(join(lab.folder, 'here', '.strata'));
  const settings: Settings = { ...lab.settings, hosts: { [lab.alias]: hostSettings } };
  const host = sshHost(lab.alias, { settings, dist });
  const record = { kind: 'ssh', host: lab.alias } as const;
  const model = await writeTinyModel(join(lab.folder, 'model'));
  return {
    here,
    host,
    // The mirror is kept by this process, so none is to be started.
    place: remotePlace(here, { record, host, placement: { kind: 'local' }, program: [process.execPath, '-e', ''] }),
    runs: join(hostSettings.folder ?? join(lab.home, '.local/share/strata'), 'runs'),
    order(id, behaviour) {
      const one = order(id, behaviour);
      return { ...one, request: { ...one.request, sources: { model } } };
    },
    mirror: (signal) => keepMirrors(here, record, host, signal),
  };
}
