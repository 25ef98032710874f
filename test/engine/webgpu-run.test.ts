import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { createAttempt } from '../../src/record/create.ts';
import { layout } from '../../src/record/layout.ts';
import { readMetrics } from '../../src/record/read.ts';
import { temporaryFolder } from '../support.ts';
import { softwareVulkan } from '../vulkan.ts';
import {
  buildStrata,
  experiment,
  placeRuns,
  planOf,
  readEventsNow,
  startWorker,
  work,
  writeWorld,
} from './runner-support.ts';

// Whole runs on WebGPU, as processes, and the verbs that compute.
const webgpu = { ...softwareVulkan('swiftshader'), timeout: 400_000 };
const program = await buildStrata('webgpu-run');
const folder = await temporaryFolder();
const cache = process.env['XDG_CACHE_HOME'];
process.env['XDG_CACHE_HOME'] = join(folder, 'cache');
after(() => {
  if (cache === undefined) delete process.env['XDG_CACHE_HOME'];
  else process.env['XDG_CACHE_HOME'] = cache;
});
await writeWorld(folder);

function strata(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  return new Promise((resolve) => {
    execFile(program[0], [...program.slice(1), ...args], { cwd: folder }, (error, out, err) => {
      resolve({ code: error ? Number(error.code) : 0, out, err });
    });
  });
}

const short = experiment({ evaluation: 'evaluation: { tasks: [recall] }' })
  .replace('steps: 40', 'steps: 4')
  .replace('checkpoint_every: 7', 'checkpoint_every: 2')
  .replace('sequence: 48', 'sequence: 32')
  .replace('files: data/recall.jsonl', 'files: data/recall.jsonl, limit: 4');

test(
  'a killed run goes on from its checkpoint with less memory, learns as on the CPU, and keeps what is frozen',
  webgpu,
  async () => {
    const [cpu] = await placeRuns(await planOf(folder, 'processor', short));
    assert.equal((await work(program, cpu!.folder)).code, 0);
    const text = short.replace('device: cpu', 'device: webgpu');
    const [run] = await placeRuns(await planOf(folder, 'graphics', text));
    assert.match(run!.id, /-webgpu$/);
    const { child, ended } = startWorker(program, run!.folder, 0);
    after(() => void child.kill('SIGKILL'));
    while (!readEventsNow(run!.folder).includes('"checkpoint"') && child.exitCode === null) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    child.kill('SIGKILL');
    assert.equal((await ended).signal, 'SIGKILL');
    // What the message of a device without memory proposes: the same run, carried out with less of it.
    const smaller = await planOf(
      folder,
      'graphics',
      text.replace('checkpoint_every: 2', 'checkpoint_every: 2\n  recompute: true'),
    );
    assert.equal(smaller.runs[0]!.id, run!.id);
    const { execution } = smaller.runs[0]!;
    assert.equal(execution!.recompute, true);
    await createAttempt(run!.folder, { ...run!.request, attempt: 1, execution });
    const second = await work(program, run!.folder, 1);
    assert.equal(second.code, 0, second.stderr);
    const losses = async (of: string) => (await readMetrics(of)).steps.map(({ step, loss }) => ({ step, loss }));
    const [wanted, got] = [await losses(cpu!.folder), await losses(run!.folder)];
    assert.deepEqual(
      got.map(({ step }) => step),
      [1, 2, 3, 4],
    );
    for (const [i, { loss }] of wanted.entries()) assert.ok(Math.abs(got[i]!.loss / loss - 1) < 1e-5, `step ${i + 1}`);
    const scores = async (of: string) => JSON.parse(await readFile(join(of, layout.scores), 'utf8')) as object;
    assert.deepEqual(Object.keys(await scores(run!.folder)), ['recall']);
    const { out, code } = await strata('verify', run!.folder);
    assert.equal(code, 0, out);
  },
);

test('what computes on a software driver is not what auto takes, and the reason is said', webgpu, async () => {
  await writeFile(join(folder, 'auto.strata.yaml'), short.replace('device: cpu', 'device: auto'));
  const { err, code } = await strata('plan', 'auto.strata.yaml');
  assert.equal(code, 0, err);
  assert.match(
    err,
    /^Device: cpu \(webgpu: SwiftShader.* computes on the processor; cuda: not carried out by this version\)\.$/m,
  );
});

test('score, logits and generate compute on the device that is named', webgpu, async () => {
  const results = [];
  for (const device of ['cpu', 'webgpu']) {
    const { out, err, code } = await strata(
      'generate',
      'base',
      '--prompt',
      'Ada 0 lives',
      '--max-tokens',
      '5',
      '--device',
      device,
      '--json',
    );
    assert.equal(code, 0, err);
    results.push((JSON.parse(out) as { ids: number[] }).ids);
  }
  assert.deepEqual(results[1], results[0]);
});

test('where there is no adapter, the device that is named is refused in words', webgpu, async () => {
  const saved = { ...process.env };
  process.env['VK_ICD_FILENAMES'] = '/nonexistent.json';
  process.env['VK_DRIVER_FILES'] = '/nonexistent.json';
  try {
    const { err, code } = await strata(
      'generate',
      'base',
      '--prompt',
      'Ada',
      '--max-tokens',
      '2',
      '--device',
      'webgpu',
    );
    assert.equal(code, 2);
    assert.match(err, /strata: WebGPU finds no graphics adapter here: .*\. Use `device: cpu`/);
    const doctor = await strata('doctor', '--json');
    const { findings } = JSON.parse(doctor.out) as { findings: { name: string; state: string; found: string }[] };
    const of = (name: string) => findings.find((f) => f.name === name)!;
    assert.deepEqual([of('webgpu').state, of('webgpu').found], ['warning', 'no Vulkan driver is installed']);
    assert.match(of('cuda').found, /^not available in this version/);
  } finally {
    process.env = saved;
  }
});

test('doctor names adapter, driver and what it can', webgpu, async () => {
  const { out } = await strata('doctor');
  assert.match(out, /^! +webgpu +SwiftShader Device .*, driver .*libvk_swiftshader\.so, .* memory, no float16$/m);
  assert.match(out, /^ok +auto +cpu \(webgpu: SwiftShader/m);
});
