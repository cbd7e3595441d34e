/* QEMU plugin: counts executions of translated blocks, by segments between clock readings.

   The guest calls sched_yield(2) before a first inference, between it and a second one, and after
   that. In the second one every clock_gettime(2) ends a segment; LiteRT's profiler reads the clock
   after each operation. With cache sizes as arguments the plugin also sends every access to data
   through a model of the caches; the first inference fills them.

   Arguments: out=FILE yield=NUMBER clock=NUMBER [cache=BYTES:WAYS ...], numbers of system calls.
   Declarations are those of QEMU 7.2, plugin API version 1 (qemu/include/qemu/qemu-plugin.h),
   which Debian does not package. */

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_info;
enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS };
enum qemu_plugin_mem_rw { QEMU_PLUGIN_MEM_RW = 3 };
enum qemu_plugin_op { QEMU_PLUGIN_INLINE_ADD_U64 };
typedef void (*tb_cb)(qemu_plugin_id_t, struct qemu_plugin_tb *);
typedef void (*mem_cb)(unsigned, uint32_t, uint64_t, void *);
typedef void (*syscall_cb)(qemu_plugin_id_t, unsigned, int64_t, uint64_t, uint64_t, uint64_t,
                           uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);
typedef void (*exit_cb)(qemu_plugin_id_t, void *);
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, tb_cb);
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *, enum qemu_plugin_op, void *,
                                              uint64_t);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *, mem_cb, enum qemu_plugin_cb_flags,
                                      enum qemu_plugin_mem_rw, void *);
void qemu_plugin_register_vcpu_syscall_cb(qemu_plugin_id_t, syscall_cb);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t, exit_cb, void *);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *);
unsigned qemu_plugin_mem_size_shift(uint32_t);
bool qemu_plugin_mem_is_store(uint32_t);
__attribute__((visibility("default"))) int qemu_plugin_version = 1;

/* Bytes of a line as a power of two; levels of caches; most blocks; longest instruction; number
   of calls to sched_yield before the segments that are recorded. */
enum { LINE = 6, LEVELS = 3, MOST = 1 << 20, LONGEST = 16, RECORDING = 2 };

/* A translated block. Its executions are in `counts`, those before the segment in `before`. */
struct block {
    uint64_t address;
    size_t size;
    uint8_t *bytes;
    bool ran; /* in a recorded segment */
};

/* A set-associative cache with LRU replacement; each set is ordered, most recent first.
   An entry is a line number shifted left by one; bit 0 says that the line was written. */
struct cache {
    uint64_t sets, ways, *lines;
    uint64_t fills, write_backs;
};

static struct block blocks[MOST];
static uint64_t counts[MOST], before[MOST];
static size_t many;
static struct cache caches[LEVELS];
static int levels;
static uint64_t accesses, last_line = UINT64_MAX;
static int64_t yield_number, clock_number;
static int yields;
static uint64_t begun;
static FILE *out;

/* Look a line up, and bring it in from the next level if it is missing. A line that the level
   above writes back is complete, so it is not fetched. */
static void look(int level, uint64_t line, bool write, bool fetch)
{
    if (level == levels)
        return;
    struct cache *cache = &caches[level];
    uint64_t *set = cache->lines + line % cache->sets * cache->ways, way = 0;
    while (way < cache->ways - 1 && set[way] >> 1 != line)
        way++;
    uint64_t found = set[way], entry = line << 1 | write;
    memmove(set + 1, set, way * sizeof *set);
    if (found >> 1 == line) {
        set[0] = entry | (found & 1);
        return;
    }
    set[0] = entry;
    if (fetch) {
        cache->fills++;
        look(level + 1, line, false, true);
    }
    if (found & 1) {
        cache->write_backs++;
        look(level + 1, found >> 1, true, false);
    }
}

static void accessed(unsigned cpu, uint32_t what, uint64_t address, void *unused)
{
    (void)cpu, (void)unused;
    if (yields == 0)
        return;
    uint64_t first = address >> LINE;
    uint64_t last = (address + (1u << qemu_plugin_mem_size_shift(what)) - 1) >> LINE;
    bool write = qemu_plugin_mem_is_store(what);
    accesses++;
    for (uint64_t line = first; line <= last; line++) {
        if (line == last_line && !write)
            continue;
        look(0, line, write, true);
        last_line = line;
    }
}

/* Count a new block; a block that is translated twice is two blocks with the same bytes. */
static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    (void)id;
    if (many == MOST) {
        fputs("the plugin has no room for more blocks\n", stderr);
        exit(1);
    }
    struct block *block = &blocks[many];
    size_t insns = qemu_plugin_tb_n_insns(tb);
    block->address = qemu_plugin_tb_vaddr(tb);
    block->bytes = malloc(insns * LONGEST);
    for (size_t i = 0; i < insns; i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        size_t size = qemu_plugin_insn_size(insn);
        memcpy(block->bytes + block->size, qemu_plugin_insn_data(insn), size);
        block->size += size;
        if (levels)
            qemu_plugin_register_vcpu_mem_cb(insn, accessed, QEMU_PLUGIN_CB_NO_REGS,
                                             QEMU_PLUGIN_MEM_RW, NULL);
    }
    qemu_plugin_register_vcpu_tb_exec_inline(tb, QEMU_PLUGIN_INLINE_ADD_U64, &counts[many++],
                                             1);
}

static uint64_t microseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * UINT64_C(1000000) + now.tv_nsec / 1000;
}

/* "segment START ACCESSES FILLS WRITE-BACKS ..." and "BLOCK EXECUTIONS" of each block that ran.
   Times are in microseconds. */
static void write_segment(void)
{
    fprintf(out, "segment %" PRIu64 " %" PRIu64, begun, accesses);
    for (int level = 0; level < levels; level++)
        fprintf(out, " %" PRIu64 " %" PRIu64, caches[level].fills, caches[level].write_backs);
    fputc('\n', out);
    for (size_t i = 0; i < many; i++) {
        if (counts[i] == before[i])
            continue;
        fprintf(out, "%zu %" PRIu64 "\n", i, counts[i] - before[i]);
        blocks[i].ran = true;
    }
}

/* End a segment: write what ran in it, if it is to be recorded, and start the next one. */
static void end_segment(void)
{
    if (yields == RECORDING)
        write_segment();
    memcpy(before, counts, many * sizeof *counts);
    for (int level = 0; level < levels; level++)
        caches[level].fills = caches[level].write_backs = 0;
    accesses = 0;
    begun = microseconds();
}

static void called(qemu_plugin_id_t id, unsigned cpu, int64_t number, uint64_t a, uint64_t b,
                   uint64_t c, uint64_t d, uint64_t e, uint64_t f, uint64_t g, uint64_t h)
{
    (void)id, (void)cpu, (void)a, (void)b, (void)c, (void)d, (void)e, (void)f, (void)g, (void)h;
    if (number == yield_number || (yields == RECORDING && number == clock_number))
        end_segment();
    if (number == yield_number)
        yields++;
}

static void ended(qemu_plugin_id_t id, void *unused)
{
    (void)id, (void)unused;
    for (size_t i = 0; i < many; i++) {
        if (!blocks[i].ran)
            continue;
        fprintf(out, "block %zu %" PRIx64 " ", i, blocks[i].address);
        for (size_t at = 0; at < blocks[i].size; at++)
            fprintf(out, "%02x", blocks[i].bytes[at]);
        fputc('\n', out);
    }
    fclose(out);
}

static bool add_cache(const char *text)
{
    struct cache *cache = &caches[levels];
    uint64_t bytes;
    if (levels == LEVELS || sscanf(text, "%" SCNu64 ":%" SCNu64, &bytes, &cache->ways) != 2)
        return false;
    cache->sets = bytes / cache->ways >> LINE;
    cache->lines = malloc(cache->sets * cache->ways * sizeof *cache->lines);
    memset(cache->lines, 0xfe, cache->sets * cache->ways * sizeof *cache->lines);
    levels++;
    return cache->sets > 0;
}

__attribute__((visibility("default"))) int
qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info, int argc, char **argv)
{
    (void)info;
    for (int i = 0; i < argc; i++) {
        if (!strncmp(argv[i], "out=", 4))
            out = fopen(argv[i] + 4, "w");
        else if (!strncmp(argv[i], "yield=", 6))
            yield_number = atoll(argv[i] + 6);
        else if (!strncmp(argv[i], "clock=", 6))
            clock_number = atoll(argv[i] + 6);
        else if (strncmp(argv[i], "cache=", 6) || !add_cache(argv[i] + 6))
            return -1;
    }
    if (!out)
        return -1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_vcpu_syscall_cb(id, called);
    qemu_plugin_register_atexit_cb(id, ended, NULL);
    return 0;
}
