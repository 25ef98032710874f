/**
 * The part of Strata that runs on a host before there is anything of Strata: a POSIX shell script, given to `/bin/sh -s` on its
 * input. It reads the rest of its input only after it was answered, so nothing is lost in a shell that reads ahead. What it
 * means to say begins with the mark; all other output (a login shell's, a profile's) is passed over.
 *
 * Values come as octal escapes (`printf %b`), hexadecimal hashes and numbers: nothing in them can be taken for shell.
 *
 *   STRATA_MARK    begins every line that is meant
 *   STRATA_ROOT    folder on the host, `` for the default
 *   STRATA_NODE    Node on the host, `` to look for it
 *   STRATA_SETUP   the user's shell lines
 *   STRATA_WANT    id of the bundle that is expected to be there, or `-`
 *
 * Says `ready`, then becomes the agent, when that bundle is there. Otherwise says what the host is like (`host key value`, then
 * `facts`) and takes orders, one a line: `part ID SIZE KB` followed by SIZE bytes of a .tgz, `bundle ID PROGRAM PARTS… NODE`,
 * `agent ID`, `bye`. Each is answered with `done`, `have`, `send`, or `error CODE DETAIL`.
 */
export const remoteScript = String.raw`
strata_decode() { printf '%b' "$1"; }
strata_say() { printf '%s %s\n' "$STRATA_MARK" "$*"; }
strata_fail() { strata_say error "$@"; return 1; }
strata_hex() { case $1 in ''|*[!0-9a-f]*) return 1;; esac; }

strata_node() {
  n=$(strata_decode "$STRATA_NODE")
  [ -n "$n" ] || n=$(command -v node 2>/dev/null) || n=
  [ -n "$n" ] || return 0
  v=$("$n" --version 2>/dev/null) || v=broken
  strata_say host node "$v" "$n"
}

strata_facts() {
  strata_say host system "$(uname -s)" "$(uname -m)"
  c=$(getconf GNU_LIBC_VERSION 2>/dev/null)
  if [ -z "$c" ]; then for f in /lib/ld-musl-* /lib64/ld-musl-*; do [ -e "$f" ] && c=musl; done; fi
  strata_say host libc "$c"
  strata_say host time "$(date +%s)"
  strata_say host root "$root"
  if mkdir -p "$root/bundles" "$root/parts" 2>/dev/null && t=$(mktemp -d "$root/parts/.try.XXXXXX" 2>/dev/null); then
    strata_say host writable yes
    printf '#!/bin/sh\nexit 0\n' > "$t/x" 2>/dev/null && chmod 700 "$t/x" && "$t/x" 2>/dev/null && strata_say host executable yes
    rm -rf "$t"
    strata_say host free "$(df -Pk "$root" 2>/dev/null | awk 'NR==2{print $4}')"
  fi
  strata_node
  strata_say facts
}

strata_sha256() { sha256sum < "$1" 2>/dev/null || shasum -a 256 < "$1" 2>/dev/null || openssl dgst -sha256 -r < "$1"; }
strata_check() { sha256sum -c "$1" >/dev/null 2>&1 || shasum -a 256 -c "$1" >/dev/null 2>&1; }
strata_place() { mv -T "$1" "$2" 2>/dev/null || { [ ! -e "$2" ] && mv "$1" "$2" 2>/dev/null; } || [ -d "$2" ]; }

strata_part() {
  { strata_hex "$1" && strata_hex "$2" && strata_hex "$3"; } || { strata_fail order; return; }
  if [ -d "$root/parts/$1" ]; then touch "$root/parts/$1"; strata_say have; return; fi
  free=$(df -Pk "$root" 2>/dev/null | awk 'NR==2{print $4}')
  if [ -n "$free" ] && [ "$free" -lt "$3" ]; then strata_fail disk-full "$free" "$3"; return; fi
  t=$(mktemp -d "$root/parts/.in.XXXXXX" 2>/dev/null) || { strata_fail read-only; return; }
  trap 'rm -rf "$t"' EXIT; trap 'exit 3' HUP INT TERM PIPE
  strata_say send
  if ! head -c "$2" > "$t/in.tgz" 2>/dev/null; then strata_receive_failed "$t" "$2"; return; fi
  got=$(wc -c < "$t/in.tgz" | tr -d ' ')
  if [ "$got" != "$2" ]; then rm -rf "$t"; exit 3; fi
  if ! { mkdir "$t/x" && gzip -dc < "$t/in.tgz" | (cd "$t/x" && tar -xf -); } 2>"$t/why"; then strata_unpack_failed "$t"; return; fi
  rm -f "$t/in.tgz"
  s=$(strata_sha256 "$t/x/manifest" | cut -d' ' -f1)
  if [ "$s" != "$1" ] || ! (cd "$t/x" && strata_check manifest); then rm -rf "$t"; strata_fail checksum; return; fi
  if strata_place "$t/x" "$root/parts/$1"; then strata_say done; else strata_fail place; fi
  rm -rf "$t"; trap - EXIT
}
strata_receive_failed() {
  left=$(( $2 - $(wc -c < "$1/in.tgz") )); rm -rf "$1"; trap - EXIT
  head -c "$left" >/dev/null 2>&1
  strata_fail disk-full 0 0
}
strata_unpack_failed() {
  w=$(tail -n 1 "$1/why" | tr -d '\r' | cut -c1-200)
  rm -rf "$1"; trap - EXIT
  case $w in *space*|*quota*) strata_fail disk-full 0 0;; *) strata_fail unpack "$w";; esac
}

strata_bundle() {
  id=$1; program=$2; node=; shift 2
  if [ -d "$root/bundles/$id" ]; then strata_say done; return; fi
  t=$(mktemp -d "$root/bundles/.in.XXXXXX" 2>/dev/null) || { strata_fail read-only; return; }
  if ! cp -R "$root/parts/$program/." "$t/" 2>"$t/why"; then strata_unpack_failed "$t"; return; fi
  mkdir -p "$t/node_modules" "$t/bin"
  printf '%s\n' "$program" "$@" > "$t/parts"
  for p in "$@"; do
    strata_hex "$p" || continue
    for m in "$root/parts/$p/node_modules/"*; do [ -d "$m" ] && ln -s "../../../parts/$p/node_modules/\${m##*/}" "$t/node_modules/"; done
    [ -x "$root/parts/$p/bin/node" ] && node="../../../parts/$p/bin/node"
  done
  if [ -n "$node" ]; then ln -s "$node" "$t/bin/node"; else
    n=$(strata_decode "$STRATA_NODE"); [ -n "$n" ] || n=$(command -v node); ln -s "$n" "$t/bin/node"
  fi
  if ! w=$(cd "$t" && ./bin/node -e 'require("onnxruntime-node")' 2>&1); then
    rm -rf "$t"; w=$(printf '%s' "$w" | grep -v '^ *at \|^$\|^node:' | head -n 3 | tr '\n\r' '  ' | cut -c1-300); strata_fail does-not-run "$w"; return
  fi
  if strata_place "$t" "$root/bundles/$id"; then strata_say done; else strata_fail place; fi
  rm -rf "$t"; strata_collect "$id"
}

# Bundles that nothing used for 30 days and that no process runs from, then parts that no bundle needs; halves of a day ago.
strata_collect() {
  cd "$root" || return
  ps -eo args > bundles/.ps 2>/dev/null || ps aux > bundles/.ps 2>/dev/null
  find bundles -mindepth 1 -maxdepth 1 -type d -mtime +30 2>/dev/null | while read -r b; do
    case $b in */"$1") continue;; esac
    grep -qF "$b/" bundles/.ps || rm -rf "$b"
  done
  rm -f bundles/.ps
  find parts bundles -mindepth 1 -maxdepth 1 -name '.in.*' -mtime +1 -exec rm -rf {} + 2>/dev/null
  find parts -mindepth 1 -maxdepth 1 -type d -mtime +1 ! -name '.*' 2>/dev/null | while read -r p; do
    grep -qF "\${p##*/}" bundles/*/parts 2>/dev/null || rm -rf "$p"
  done
}

# A small young generation: an agent holds little for long, and a host may serve many people.
strata_agent() {
  touch "$root/bundles/$1"
  strata_say ready "$1"
  cd "$root" || cd /
  exec "$root/bundles/$1/bin/node" --max-semi-space-size=1 "$root/bundles/$1/dist/agent.mjs"
}

strata_main() {
  umask 077
  setup=$(strata_decode "$STRATA_SETUP")
  [ -z "$setup" ] || eval "$setup" >&2 </dev/null
  root=$(strata_decode "$STRATA_ROOT")
  [ -n "$root" ] || root=\${XDG_DATA_HOME:-$HOME/.local/share}/strata
  if [ "$STRATA_WANT" != - ] && [ -x "$root/bundles/$STRATA_WANT/bin/node" ]; then strata_agent "$STRATA_WANT"; fi
  strata_facts
  while read -r verb a b c; do
    case $verb in
      part) strata_part "$a" "$b" "$c" || : ;;
      bundle) if strata_hex "$a" && strata_hex "$b"; then strata_bundle "$a" "$b" $c || : ; else strata_fail order; fi ;;
      agent) if strata_hex "$a" && [ -d "$root/bundles/$a" ]; then strata_agent "$a"; else strata_fail order; fi ;;
      probe) strata_probe ;;
      *) exit 0 ;;
    esac
  done
  exit 0
}
`;

/** Any text as what `printf %b` turns back into it, in characters that no shell looks at twice. Pure. */
export function octal(text: string): string {
  return [...Buffer.from(text, 'utf8')].map((byte) => `\\0${byte.toString(8).padStart(3, '0')}`).join('');
}

export interface ScriptValues {
  mark: string;
  root?: string;
  node?: string;
  setup?: readonly string[];
  want?: string;
}

/** What is written to the input of the remote shell first. Pure. */
export function scriptInput({ mark, root = '', node = '', setup = [], want = '-' }: ScriptValues, more = ''): string {
  const values = {
    STRATA_MARK: mark,
    STRATA_ROOT: octal(root),
    STRATA_NODE: octal(node),
    STRATA_SETUP: octal(setup.join('\n')),
    STRATA_WANT: want,
  };
  const lines = Object.entries(values).map(([name, value]) => `${name}='${value}'`);
  return `${lines.join('\n')}\n${shell(remoteScript)}\n${shell(more)}\nstrata_main; exit\n`;
}

/** `String.raw` cannot hold a dollar before a brace as it is. */
const shell = (text: string): string => text.trim().replaceAll('\\${', '${');
