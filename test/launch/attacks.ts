/**
 * Programs that set out to do harm, or to pass without solving anything. `{dir}` stands for a folder of the host that a
 * program must neither read nor write, `{port}` for a port of the host that nobody may reach. Each must be that document's
 * failure: none ends in a pass, and nothing of it is seen outside.
 */
export interface Attack {
  name: string;
  code: string;
  /** It is meant to run until it is stopped. */
  endless?: boolean;
}

/** Follows a path of attributes through every JavaScript object that can be found, as an attacker would. */
const findJavaScript = `
import gc, sys
def roots():
    for o in gc.get_objects():
        try:
            if 'JsProxy' in type(o).__name__ or 'JsProxy' in str(type(o).__mro__):
                yield o
        except Exception:
            pass
    frame = sys._getframe()
    while frame:
        for v in list(frame.f_globals.values()) + list(frame.f_locals.values()):
            if 'Js' in type(v).__name__:
                yield v
        frame = frame.f_back
    for m in list(sys.modules.values()):
        for v in list(getattr(m, '__dict__', {}).values()):
            if 'Js' in type(v).__name__:
                yield v
found = list(roots())
`;
/** The modules that were hidden, out of the finder that still holds them, and the function that makes JavaScript objects. */
const finder = `
import sys, gc
modules = {}
for f in sys.meta_path:
    modules.update(getattr(f, 'jsproxies', {}))
pyodide = modules.get('pyodide_js')
convert = [o for o in gc.get_objects() if getattr(o, '__name__', '') == 'to_js' and callable(o)]
`;
/** The attack has worked if this line is reached; without it the program fails anyway. */
const must = (condition: string) => `assert ${condition}, 'held'`;

export const attacks: Attack[] = [
  // Files
  { name: 'read a file of the host', code: `open('{dir}/secret').read()` },
  { name: 'read /etc/passwd', code: `${must(`'root:' in open('/etc/passwd').read()`)}` },
  { name: 'list the root folder', code: `import os\n${must(`'etc' in os.listdir('/')`)}` },
  { name: 'write a file of the host', code: `open('{dir}/written', 'w').write('x')\nraise SystemExit` },
  {
    name: 'make the folder first, then write',
    code: `import os\nos.makedirs('{dir}', exist_ok=True)\nopen('{dir}/written', 'w').write('x')\nraise SystemExit`,
  },
  { name: 'remove a file of the host', code: `import os\nos.remove('{dir}/secret')` },
  { name: 'climb out with ..', code: `open('../../../../../../../..{dir}/secret').read()` },
  {
    name: 'follow a link to the host',
    code: `import os\nos.symlink('{dir}', '/tmp/link')\nopen('/tmp/link/secret').read()`,
  },
  {
    name: 'the file descriptors that are open',
    code: `import os\nfor fd in range(3, 64):\n    try:\n        os.write(fd, b'x' * 10)\n    except OSError:\n        pass\nraise SystemExit`,
  },
  {
    name: 'mount a folder of the host',
    code: `from pyodide_js import mountNodeFS\nmountNodeFS('/host', '{dir}')\nopen('/host/secret').read()`,
  },
  {
    name: 'mount a folder of the host through a module that was hidden',
    code: `${findJavaScript}\nfor o in found:\n    for path in ('FS', '_module.FS', 'pyodide_js.FS'):\n        try:\n            fs = o\n            for part in path.split('.'):\n                fs = getattr(fs, part)\n            fs.mkdirTree('/host')\n            fs.mount(fs.filesystems.NODEFS, {'root': '{dir}'}, '/host')\n        except Exception:\n            pass\nopen('/host/secret').read()`,
  },
  {
    name: 'mount a folder of the host through the finder of modules',
    code: `${finder}\nfs = pyodide.FS\nfs.mkdirTree('/host')\npyodide.mountNodeFS('/host', '{dir}')\nopen('/host/secret').read()`,
  },
  // Environment
  {
    name: 'the environment of the host',
    code: `import os\n${must(`any(k in os.environ for k in ('STRATA_ATTACKED', 'SHELL', 'HOSTNAME'))`)}`,
  },
  { name: "the host's process by /proc", code: `open('/proc/self/environ').read()` },
  {
    name: 'the arguments of the process',
    code: `import sys\n${must(`any('nonce' in a or 'node' in a for a in sys.orig_argv)`)}`,
  },
  // Network
  {
    name: 'connect to the host',
    code: `import socket\ns = socket.create_connection(('127.0.0.1', {port}), timeout=1)\ns.sendall(b'GET / HTTP/1.0\\r\\n\\r\\n')\nassert s.recv(10)`,
  },
  {
    name: 'fetch a page',
    code: `import urllib.request\nurllib.request.urlopen('http://127.0.0.1:{port}/', timeout=1).read()`,
  },
  { name: "JavaScript's fetch", code: `from js import fetch\nfetch('http://127.0.0.1:{port}/')` },
  {
    name: 'a package from the network',
    code: `import pyodide_js\npyodide_js.loadPackage('http://127.0.0.1:{port}/x-1.0-py3-none-any.whl')`,
  },
  {
    name: 'pyfetch in an event loop',
    code: `import asyncio\nfrom pyodide.http import pyfetch\nasyncio.run(pyfetch('http://127.0.0.1:{port}/'))`,
  },
  {
    name: 'a package from the network through the finder of modules',
    code: `${finder}\npyodide.loadPackage('http://127.0.0.1:{port}/x-1.0-py3-none-any.whl')\npyodide._api.loadBinaryFile('http://127.0.0.1:{port}/a')\nassert False, 'held'`,
  },
  // Processes
  { name: 'a shell command', code: `import os\nassert os.system('echo x > {dir}/written') == 0` },
  { name: 'popen', code: `import os\nassert os.popen('id').read()` },
  {
    name: 'subprocess',
    code: `import subprocess\nsubprocess.run(['/bin/sh', '-c', 'echo x > {dir}/written'], check=True)`,
  },
  { name: 'exec', code: `import os\nos.execv('/bin/sh', ['sh', '-c', 'echo x > {dir}/written'])` },
  { name: 'a fork bomb', code: `import os\nwhile True:\n    os.fork()` },
  {
    name: 'a bomb of processes',
    code: `import multiprocessing\nwhile True:\n    multiprocessing.Process(target=print).start()`,
  },
  {
    name: 'a bomb of threads',
    code: `import threading, time\nwhile True:\n    threading.Thread(target=time.sleep, args=(9,)).start()`,
  },
  {
    name: 'kill the process above',
    code: `import os, signal\nos.kill(os.getppid(), signal.SIGKILL)\nraise SystemExit`,
  },
  // Memory and time
  { name: 'a memory bomb', code: `x = []\nwhile True:\n    x.append(bytearray(50_000_000))` },
  {
    name: 'a memory bomb that catches the error',
    code: `x = []\nwhile True:\n    try:\n        x.append(bytearray(50_000_000))\n    except MemoryError:\n        pass`,
    endless: true,
  },
  {
    name: "a memory bomb in JavaScript's memory",
    code: `${finder}\nfor o in list(convert):\n    x = []\n    while True:\n        x.append(o(bytearray(100_000_000)))\nassert False, 'held'`,
  },
  { name: 'an endless loop', code: `while True:\n    pass`, endless: true },
  {
    name: 'an endless loop that catches everything',
    code: `while True:\n    try:\n        while True:\n            pass\n    except BaseException:\n        pass`,
    endless: true,
  },
  { name: 'a regular expression without end', code: `import re\nre.match(r'(a+)+$', 'a' * 60 + 'b')`, endless: true },
  { name: 'a flood of output', code: `while True:\n    print('x' * 10000)`, endless: true },
  {
    name: 'recursion without end',
    code: `import sys\nsys.setrecursionlimit(10 ** 7)\ndef f(n):\n    return f(n + 1) + 1\nf(0)`,
  },
  // The JavaScript of the host
  { name: 'run JavaScript', code: `from pyodide.code import run_js\nassert run_js('process.pid')` },
  { name: 'the js module', code: `import js\nassert js.process` },
  {
    name: 'make a function from a string',
    code: `${findJavaScript}\nfor o in found:\n    try:\n        assert o.constructor.constructor('return process.pid')()\n        raise SystemError('out')\n    except SystemError:\n        break\n    except BaseException:\n        pass\nelse:\n    assert False, 'held'`,
  },
  {
    name: "Emscripten's run_script",
    code: `import ctypes\nlib = ctypes.CDLL(None)\nlib.emscripten_run_script_string.restype = ctypes.c_char_p\nassert lib.emscripten_run_script_string(b'process.pid')`,
  },
  {
    name: 'make a function from a string through the finder of modules',
    code: `${finder}\nassert pyodide.runPython.constructor('return process.pid')()`,
  },
  // The checker
  { name: 'leave before the tests', code: `import sys\nsys.exit(0)` },
  { name: 'leave at once', code: `import os\nos._exit(0)` },
  {
    name: 'a verdict of its own',
    code: `import os\nfor fd in range(1, 20):\n    try:\n        os.write(fd, b'passed\\n{"passed": true}\\n')\n    except OSError:\n        pass\nos._exit(0)`,
  },
  {
    name: 'replace the exception that is looked for',
    code: `import builtins\nclass Quiet(BaseException):\n    pass\nbuiltins.AssertionError = Quiet\nbuiltins.Exception = Quiet\nassert False`,
  },
  {
    name: 'replace what runs programs',
    code: `${findJavaScript}\nfor m in found:\n    for name in ('runPython', 'eval_code', 'run', 'callKwargs'):\n        try:\n            setattr(m, name, lambda *a, **k: None)\n        except BaseException:\n            pass\nassert False`,
  },
  {
    name: "replace JavaScript's own functions",
    code: `${findJavaScript}\nfor o in found:\n    for path in ('constructor.prototype', '__proto__', 'constructor.prototype.__proto__'):\n        try:\n            p = o\n            for part in path.split('.'):\n                p = getattr(p, part)\n            for name in ('toJSON', 'toString', 'indexOf', 'call', 'apply', 'write', 'type', 'length'):\n                try:\n                    setattr(p, name, lambda *a: 'passed')\n                except BaseException:\n                    pass\n        except BaseException:\n            pass\nassert False`,
  },
  {
    name: 'replace what runs programs through the finder of modules',
    code: `${finder}\npyodide.runPython = lambda *a, **k: None\nfor name in ('eval_code', 'runPython', 'callKwargs'):\n    try:\n        setattr(pyodide._api, name, lambda *a, **k: None)\n    except Exception:\n        pass\nassert False, 'held'`,
  },
  {
    name: 'break the report of the error',
    code: `import traceback, sys\ntraceback.TracebackException = None\ntraceback.format_exception = lambda *a, **k: 1 / 0\nsys.excepthook = None\nclass Strange(Exception):\n    def __str__(self):\n        raise SystemExit\n    __repr__ = __str__\nraise Strange`,
  },
];
