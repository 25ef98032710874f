import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { canonicalJson, sha256 } from '../../base/hash.ts';
import { type HashCache, hashCache } from '../../base/hash-cache.ts';
import type { Progress } from '../../base/log.ts';
import { fail } from '../../base/problem.ts';
import type { Channel } from '../channel.ts';
import type { Settings } from '../settings.ts';
import { nodePart, programPart, pythonPart, runtimePart } from './bundle/contents.ts';
import { archiveOf, bundleCache, bundleId, type Part } from './bundle/part.ts';
import { type HostFacts, refused, suitable, usableNode } from './facts.ts';
import type { MarkedLines } from './lines.ts';

const hashesOf = (): HashCache => hashCache(join(bundleCache(), 'hashes.json'));

/** Names what a bundle is made from on this side; while it stays, so does the bundle of a host. */
export async function bundleBasis(host: string, settings: Settings, dist?: string): Promise<string> {
  const hashes = hashesOf();
  const program = await programPart(hashes, dist);
  await hashes.save();
  const { runtime, node, hosts } = settings;
  return sha256(canonicalJson({ program: program.id, runtime, node, host: hosts?.[host] }));
}

/** A shell on the host that takes the script's orders. */
export interface Installer {
  host: string;
  channel: Channel;
  lines: MarkedLines;
  facts: HostFacts;
  settings: Settings;
  progress: Progress;
  /** Folder of the programs that are sent; by default those of this installation. */
  dist?: string;
}

/**
 * Puts everything that a run needs on the host, as far as it is not there yet, and returns the bundle's id.
 * Fails with `host-unsuitable`, `host-install`, `host-cut`, `package-not-had`, `bundle-missing`.
 */
export async function install(installer: Installer): Promise<string> {
  const { facts, host, settings, progress, dist } = installer;
  const platform = suitable(facts, host);
  const hashes = hashesOf();
  progress.report(`preparing what ${host} needs`, 0, 1);
  const program = await programPart(hashes, dist);
  const python = await pythonPart(hashes);
  const parts: Part[] = [
    await runtimePart(platform, settings, hashes),
    ...(python ? [python] : []),
    ...(usableNode(facts) ? [] : [await nodePart(platform, settings, hashes)]),
  ];
  await hashes.save();
  for (const part of [program, ...parts]) await send(installer, part);
  const id = bundleId(program.id, [
    ...parts.map((part) => part.id),
    ...(usableNode(facts) ? [`node ${facts.node!.path}`] : []),
  ]);
  await order(installer, `bundle ${id} ${program.id} ${parts.map((part) => part.id).join(' ')}`);
  return id;
}

/** Sends one part, unless it is there. */
async function send(installer: Installer, part: Part): Promise<void> {
  const { channel, host, progress } = installer;
  const archive = await archiveOf(part);
  const { size } = await stat(archive);
  // Archive and unpacked files are there at the same time, and a run needs some room too.
  const kilobytes = Math.ceil((size + part.size) / 1024) + 16 * 1024;
  if ((await order(installer, `part ${part.id} ${size} ${kilobytes}`)) === 'have') return;
  const label = `sending ${part.name} to ${host}`;
  const answered = reply(installer);
  let early = false;
  answered.then(
    () => {
      early = true;
    },
    () => {
      early = true;
    },
  );
  let sent = 0;
  for await (const bytes of createReadStream(archive, { highWaterMark: 256 * 1024 })) {
    // A host that refuses half-way says so on its own, and takes no more.
    if (early) break;
    // A connection that breaks fails the write first; what is to be said of it comes with the answer.
    if (!channel.input.write(bytes)) await Promise.race([once(channel.input, 'drain').catch(() => answered), answered]);
    sent += (bytes as Buffer).length;
    progress.report(label, sent, size);
  }
  await answered;
}

/** Gives an order and returns its answer, `done`, `have` or `send`. */
async function order(installer: Installer, text: string): Promise<string> {
  installer.channel.input.write(`${text}\n`);
  return reply(installer);
}

async function reply({ lines, host, facts, channel }: Installer): Promise<string> {
  const words = await lines.next();
  if (words === undefined) {
    channel.kill();
    return fail('host-cut', `The connection to ${host} was cut while Strata was put there.`, {
      remedy: 'Try again; what had arrived whole is kept.',
    });
  }
  const [answer, ...detail] = words;
  if (answer === 'error') return refused(detail, host, facts.root);
  return answer!;
}
