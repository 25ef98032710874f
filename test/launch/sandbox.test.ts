import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { sha256 } from '../../src/base/hash.ts';
import { cutAt } from '../../src/evaluate/generate.ts';
import { runAll } from '../../src/evaluate/program.ts';
import { openBwrap } from '../../src/evaluate/sandbox/bwrap.ts';
import { openPyodide } from '../../src/evaluate/sandbox/pyodide.ts';
import type { Sandbox } from '../../src/evaluate/sandbox/types.ts';
import { humaneval, humanevalStop } from '../../src/tasks/benchmarks/programs.ts';
import type { ProgramQuestion } from '../../src/tasks/benchmarks/types.ts';
import { data, needs, needsShared, temporaryFolder } from '../support.ts';
import { attacks } from './attacks.ts';

/** All of HumanEval takes minutes; a part of it is enough to see that the sandbox runs Python. */
const full = process.env['STRATA_FULL'] === '1';
/** The machine of a test may be busy: programs that end get more time than in an evaluation. */
const patient = { timeLimit: 20_000 };

const verdictsOf = (sandbox: Sandbox, programs: readonly string[]) => runAll(sandbox, programs, () => {});

describe('programs of HumanEval', needsShared, () => {
  const problems = gunzipSync(readFileSync(data('humaneval/HumanEval.jsonl.gz')))
    .toString('utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { task_id: string; prompt: string });
  const questions = problems.map((record) => humaneval(record) as ProgramQuestion);
  const chosen = full ? questions : questions.filter((_, i) => i % 8 === 0);
  let sandbox: Sandbox;
  before(async () => {
    sandbox = await openPyodide(patient);
  });
  after(() => sandbox.close());

  test(`the reference solutions pass (${chosen.length} of 164)`, async () => {
    const verdicts = await verdictsOf(
      sandbox,
      chosen.map((q) => q.program(q.solution)),
    );
    assert.deepEqual(
      verdicts.flatMap((v, i) => (v.passed ? [] : [[chosen[i]!.context, v.detail]])),
      [],
    );
  });

  test('and fail once their body returns something else', async () => {
    const verdicts = await verdictsOf(
      sandbox,
      chosen.map((q) => q.program(`    return None\n${q.solution}`)),
    );
    assert.deepEqual(
      verdicts.flatMap((v, i) => (v.passed ? [chosen[i]!.context] : [])),
      [],
    );
  });

  test('stop strings, programs and verdicts are those of the reference', async () => {
    const { cases } = JSON.parse(readFileSync(data('reference/code-eval/humaneval.json'), 'utf8'));
    assert.ok(cases.length >= 12);
    const quick = await openPyodide();
    try {
      for (const c of cases) {
        const question = questions[problems.findIndex((p) => p.task_id === c.task_id)]!;
        const truncated = cutAt(c.completion, [...humanevalStop, '</s>']);
        assert.equal(truncated, c.truncated, c.note);
        const program = question.program(truncated);
        assert.equal(sha256(program), c.program_sha256, c.note);
        const { passed, detail } = await (c.detail === 'timed out' ? quick : sandbox).run(program);
        assert.equal(passed, c.passed, `${c.note}: ${detail}`);
        assert.equal(detail, c.detail, c.note);
      }
    } finally {
      await quick.close();
    }
  });
});

describe('attacks', async () => {
  const folder = await temporaryFolder();
  let hits = 0;
  const server = createServer((socket) => {
    hits++;
    socket.on('error', () => {});
    socket.destroy();
  });
  let sandbox: Sandbox;
  before(async () => {
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'secret'), 'root: of the host');
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    process.env['STRATA_ATTACKED'] = '1';
    sandbox = await openPyodide({ timeLimit: 2000 });
  });
  after(async () => {
    await sandbox.close();
    server.close();
  });
  const port = () => (server.address() as { port: number }).port;

  for (const { name, code, endless } of attacks) {
    test(name, async () => {
      const program = code.replaceAll('{dir}', folder).replaceAll('{port}', String(port()));
      const { passed, detail } = await sandbox.run(program);
      assert.equal(passed, false, detail);
      if (endless) assert.ok(['timed out', 'out of memory', 'died'].includes(detail), detail);
      assert.equal(hits, 0, 'somebody connected');
      assert.deepEqual(await readdir(folder), ['secret']);
      assert.equal(await readFile(join(folder, 'secret'), 'utf8'), 'root: of the host');
    });
  }

  test('what a program leaves is not there for the next one', async () => {
    const leave = `import math, builtins, sys, os\nmath.sqrt = lambda x: 0\nbuiltins.len = lambda x: 7
open('/tmp/left', 'w').write('x')\nsys.modules['left'] = math\nos.environ['LEFT'] = '1'\nleft = 1`;
    const look = `import math, os, sys\nassert math.sqrt(4) == 2 and len([]) == 0 and not os.path.exists('/tmp/left')
assert 'left' not in sys.modules and 'LEFT' not in os.environ and 'left' not in globals()`;
    assert.equal((await sandbox.run(leave)).passed, true);
    assert.deepEqual(await sandbox.run(look), { passed: true, detail: 'passed' });
  });

  test('after all of them the run goes on', async () => {
    const programs = Array.from({ length: 4 }, (_, i) => `assert ${i} + 1 == ${i + 1}`);
    const verdicts = await verdictsOf(sandbox, programs);
    assert.ok(verdicts.every((v) => v.passed));
  });

  test('there are forty or more', () => assert.ok(attacks.length + 1 >= 40));
});

test('a program passes if it ends without an error, and its output is nobody’s affair', async () => {
  const sandbox = await openPyodide(patient);
  try {
    const programs = [
      'print("x")',
      'import sys\nprint("e", file=sys.stderr)',
      '"ü😀\\n"',
      '',
      'def f(:',
      'raise ValueError',
    ];
    const verdicts = await verdictsOf(sandbox, programs);
    assert.deepEqual(
      verdicts.map((v) => v.detail),
      ['passed', 'passed', 'passed', 'passed', 'failed: SyntaxError', 'failed: ValueError'],
    );
    assert.match(sandbox.description, /^pyodide 314\.0\.7, Python 3\.14\.\d+$/);
  } finally {
    await sandbox.close();
  }
});

const bwrapWorks = await openBwrap().then(
  (sandbox) => sandbox.close().then(() => true),
  () => false,
);
describe('bubblewrap', needs('bwrap', bwrapWorks, 'bubblewrap does not start here'), async () => {
  const folder = await temporaryFolder();
  test('runs programs and keeps them from the files, the network and the processes of the host', async () => {
    await writeFile(join(folder, 'secret'), 'x');
    const sandbox = await openBwrap();
    const table: [string, string][] = [
      ['assert 1 + 1 == 2', 'passed'],
      ['assert 1 == 2', 'failed: AssertionError'],
      ['import sys\nsys.exit(0)', 'failed: SystemExit'],
      ['import os\nos._exit(0)', 'died'],
      [`open('${folder}/secret').read()`, 'failed: FileNotFoundError'],
      [`open('/usr/written', 'w')`, 'failed: OSError'],
      ['import os\nassert "HOME" in os.environ', 'failed: AssertionError'],
      ['import socket\nsocket.create_connection(("1.1.1.1", 80), timeout=1)', 'failed: OSError'],
      ['import os\nassert len([p for p in os.listdir("/proc") if p.isdigit()]) > 3', 'failed: AssertionError'],
      ['while True: pass', 'timed out'],
      ['x = []\nwhile True: x.append(bytearray(50_000_000))', 'failed: MemoryError'],
    ];
    for (const [program, detail] of table) assert.equal((await sandbox.run(program)).detail, detail, program);
    assert.match(sandbox.description, /^bwrap [\d.]+, Python 3/);
  });
});
