/** What a CUDA session loads (onnxruntime 1.30 is built for CUDA 13 and cuDNN 9). The first comes with the driver. */
export const cudaLibraries = [
  'libcuda.so.1',
  'libcudart.so.13',
  'libcublas.so.13',
  'libcublasLt.so.13',
  'libcurand.so.10',
  'libcudnn.so.9',
] as const;

/** What WebGPU loads. */
export const vulkanLibrary = 'libvulkan.so.1';

/** Programs that a host is expected to have. */
export const neededPrograms = ['tar', 'gzip', 'head', 'df', 'awk', 'find', 'sha256sum'] as const;

/**
 * The part of the script that `strata probe` adds: says `probe KEY VALUE…` of everything that matters for runs. Nothing is
 * changed; what may hang (a driver, a scheduler) is given ten seconds.
 */
export const probeScript = String.raw`
strata_try() { if command -v timeout >/dev/null 2>&1; then timeout 10 "$@"; else "$@"; fi; }
strata_library() {
  f=$( { ldconfig -p 2>/dev/null || /sbin/ldconfig -p 2>/dev/null; } | awk -v l="$1" '$1==l{print $NF; exit}')
  if [ -z "$f" ]; then
    IFS=:; for d in \${LD_LIBRARY_PATH:-}; do [ -e "$d/$1" ] && { f=$d/$1; break; }; done; unset IFS
  fi
  [ -z "$f" ] || strata_say probe library "$1" "$f"
}
strata_probe() {
  strata_say probe name "$(uname -n)"
  strata_say probe kernel "$(uname -s) $(uname -r)"
  strata_say probe cores "$(getconf _NPROCESSORS_ONLN 2>/dev/null || nproc)"
  strata_say probe processor "$(awk -F': ' '/^model name/{print $2; exit}' /proc/cpuinfo 2>/dev/null)"
  strata_say probe memory $(awk '/^(MemTotal|MemAvailable)/{print $2}' /proc/meminfo 2>/dev/null)
  for c in ${neededPrograms.join(' ')}; do command -v "$c" >/dev/null 2>&1 || strata_say probe without "$c"; done
  for l in ${[...cudaLibraries, vulkanLibrary].join(' ')}; do strata_library "$l"; done
  [ -e /dev/nvidiactl ] && strata_say probe nvidia-device
  if command -v nvidia-smi >/dev/null 2>&1; then
    if g=$(strata_try nvidia-smi --query-gpu=name,memory.total,driver_version --format=csv,noheader 2>&1); then
      printf '%s\n' "$g" | while IFS= read -r line; do strata_say probe gpu "$line"; done
    else
      strata_say probe gpu-error "$(printf '%s' "$g" | head -n 1 | cut -c1-200)"
    fi
  fi
  for d in /usr/share/vulkan/icd.d /etc/vulkan/icd.d; do
    for i in "$d"/*.json; do [ -e "$i" ] && strata_say probe vulkan-driver "\${i##*/}"; done
  done
  for r in /dev/dri/renderD*; do
    [ -e "$r" ] || continue
    if [ -r "$r" ] && [ -w "$r" ]; then strata_say probe render "$r"; else strata_say probe render-closed "$r"; fi
  done
  if command -v sinfo >/dev/null 2>&1; then
    strata_say probe slurm "$(strata_try sinfo --version 2>/dev/null)"
    strata_try sinfo -h -o '%P|%a|%l|%D|%G' 2>/dev/null | head -n 50 | while IFS= read -r line; do strata_say probe partition "$line"; done
    strata_try sacct -nX --starttime now >/dev/null 2>&1 && strata_say probe accounting
  fi
  for s in qsub bsub condor_submit; do command -v "$s" >/dev/null 2>&1 && strata_say probe scheduler "$s"; done
  if grep -qsi '^ *KillUserProcesses *= *\(yes\|true\|1\)' /etc/systemd/logind.conf /etc/systemd/logind.conf.d/*.conf; then
    case $(loginctl show-user "$(id -un)" -p Linger 2>/dev/null) in *yes) ;; *) strata_say probe kills-at-logout;; esac
  fi
  rmdir "$root/bundles" "$root/parts" "$root" 2>/dev/null
  strata_say probed
}
`;
