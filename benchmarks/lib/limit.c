/* A processor without AVX-512 and what came after it, for one library of a process.

   The caller names the library's `cpuid` instructions. Each is replaced by `ud2`, which is as long
   and raises SIGILL; the handler executes `cpuid` in its place and takes features away. What is
   left of leaf 7 is what QEMU 7.2 emulates: AVX2 with FMA, and no vector instructions beyond. */

#define _GNU_SOURCE
#include <cpuid.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

static const uint8_t CPUID[] = {0x0f, 0xa2}, UD2[] = {0x0f, 0x0b};

enum {
    FEATURES = 7, /* the leaf of cpuid with these bits */
    /* avx512: f dq ifma pf er cd bw vl */
    EBX = 1u << 16 | 1u << 17 | 1u << 21 | 7u << 26 | 1u << 30,
    /* vbmi vbmi2 gfni vaes vpclmulqdq vnni bitalg vpopcntdq */
    ECX = 1u << 1 | 1u << 6 | 0x1fu << 8 | 1u << 14,
    /* avx512: 4vnniw 4fmaps vp2intersect; amx-bf16 avx512-fp16 amx-tile amx-int8 */
    EDX = 1u << 2 | 1u << 3 | 1u << 8 | 0xfu << 22,
};
static const uint32_t VL = 1u << 31; /* of ebx; not an int */

static void answer(int number, siginfo_t *info, void *context)
{
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    uint32_t leaf = registers[REG_RAX], part = registers[REG_RCX], a, b, c, d;
    (void)info;
    if (memcmp((const void *)registers[REG_RIP], UD2, sizeof UD2)) {
        signal(number, SIG_DFL); /* something else is illegal: let it end the process */
        return;
    }
    __cpuid_count(leaf, part, a, b, c, d);
    if (leaf == FEATURES && part == 0)
        b &= ~(EBX | VL), c &= ~(uint32_t)ECX, d &= ~(uint32_t)EDX;
    else if (leaf == FEATURES)
        a = b = c = d = 0; /* avx-vnni, avx512-bf16, amx-fp16, avx10 */
    registers[REG_RAX] = a, registers[REG_RBX] = b, registers[REG_RCX] = c, registers[REG_RDX] = d;
    registers[REG_RIP] += sizeof UD2;
}

/* Replace the instructions at these addresses; -1 if one is no `cpuid`, or cannot be written. */
int limit(uint8_t *const *addresses, size_t count)
{
    struct sigaction action = {.sa_sigaction = answer, .sa_flags = SA_SIGINFO | SA_NODEFER};
    uintptr_t page = sysconf(_SC_PAGESIZE);
    if (sigaction(SIGILL, &action, NULL))
        return -1;
    for (size_t i = 0; i < count; i++) {
        void *start = (void *)((uintptr_t)addresses[i] / page * page);
        if (memcmp(addresses[i], CPUID, sizeof CPUID) ||
            mprotect(start, 2 * page, PROT_READ | PROT_WRITE | PROT_EXEC))
            return -1;
        memcpy(addresses[i], UD2, sizeof UD2);
    }
    return 0;
}
