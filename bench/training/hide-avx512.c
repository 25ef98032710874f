/*
 * Hides AVX-512 and AMX from a program, so that a machine that has them measures as one with AVX2 would: engines choose their
 * kernels by CPUID.
 *   cc -O2 -shared -fPIC -o hide-avx512.so hide-avx512.c -ldl && LD_PRELOAD=./hide-avx512.so PROGRAM
 * Linux, x86-64, processors with CPUID faulting ("cpuid_fault" in /proc/cpuinfo). The kernel is asked to let CPUID fault
 * (arch_prctl ARCH_SET_CPUID, see arch_prctl(2)); the handler answers without the bits in question. Threads inherit that. The
 * program's own handler of SIGSEGV (V8 has one) is called for all other faults. The C library has chosen its copying functions
 * before, and keeps them.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define ARCH_SET_CPUID 0x1012
#define BIT(n) (1u << (n))

/* Intel SDM, CPUID leaf 7, subleaf 0: F, DQ, IFMA, PF, ER, CD, BW, VL. */
#define LEAF7_EBX (BIT(16) | BIT(17) | BIT(21) | BIT(26) | BIT(27) | BIT(28) | BIT(30) | BIT(31))
/* VBMI, VBMI2, VNNI, BITALG, VPOPCNTDQ. */
#define LEAF7_ECX (BIT(1) | BIT(6) | BIT(11) | BIT(12) | BIT(14))
/* 4VNNIW, 4FMAPS, VP2INTERSECT, AMX-BF16, FP16, AMX-TILE, AMX-INT8. */
#define LEAF7_EDX (BIT(2) | BIT(3) | BIT(8) | BIT(22) | BIT(23) | BIT(24) | BIT(25))
/* Subleaf 1: AVX-VNNI, AVX512-BF16, AMX-FP16, AVX-IFMA; in EDX AVX-VNNI-INT8, AVX-NE-CONVERT, AVX10. */
#define LEAF7_1_EAX (BIT(4) | BIT(5) | BIT(21) | BIT(23))
#define LEAF7_1_EDX (BIT(4) | BIT(5) | BIT(19))

static int (*system_sigaction)(int, const struct sigaction *, struct sigaction *);
/* What the program wanted to happen. */
static struct sigaction wanted;

static long allow_cpuid(int allowed) { return syscall(SYS_arch_prctl, ARCH_SET_CPUID, allowed); }

static void answer_cpuid(greg_t *registers) {
  uint32_t leaf = (uint32_t)registers[REG_RAX], subleaf = (uint32_t)registers[REG_RCX];
  uint32_t a = leaf, b, c = subleaf, d;
  allow_cpuid(1);
  __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
  allow_cpuid(0);
  if (leaf == 7 && subleaf == 0) {
    b &= ~LEAF7_EBX;
    c &= ~LEAF7_ECX;
    d &= ~LEAF7_EDX;
  }
  if (leaf == 7 && subleaf == 1) {
    a &= ~LEAF7_1_EAX;
    d &= ~LEAF7_1_EDX;
  }
  registers[REG_RAX] = a;
  registers[REG_RBX] = b;
  registers[REG_RCX] = c;
  registers[REG_RDX] = d;
}

static void on_fault(int signal, siginfo_t *info, void *context) {
  greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
  const unsigned char *at = (const unsigned char *)registers[REG_RIP];
  if (info->si_code == SI_KERNEL && at[0] == 0x0f && at[1] == 0xa2) {
    answer_cpuid(registers);
    registers[REG_RIP] += 2;
  } else if (wanted.sa_handler != SIG_DFL && wanted.sa_handler != SIG_IGN) {
    if (wanted.sa_flags & SA_SIGINFO) wanted.sa_sigaction(signal, info, context);
    else wanted.sa_handler(signal);
  } else {
    /* Back to the instruction, which now ends the program. */
    struct sigaction plain = {.sa_handler = SIG_DFL};
    system_sigaction(signal, &plain, NULL);
  }
}

int sigaction(int signal, const struct sigaction *next, struct sigaction *previous) {
  if (!system_sigaction) system_sigaction = dlsym(RTLD_NEXT, "sigaction");
  if (signal != SIGSEGV) return system_sigaction(signal, next, previous);
  if (previous) *previous = wanted;
  if (next) wanted = *next;
  return 0;
}

__attribute__((constructor)) static void begin(void) {
  system_sigaction = dlsym(RTLD_NEXT, "sigaction");
  struct sigaction ours = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
  system_sigaction(SIGSEGV, &ours, NULL);
  if (allow_cpuid(0) != 0) {
    static const char message[] = "hide-avx512: this processor or kernel has no CPUID faulting\n";
    (void)!write(2, message, sizeof message - 1);
    _exit(3);
  }
}
