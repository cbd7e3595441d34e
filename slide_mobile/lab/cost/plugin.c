/* QEMU plugin: what a program executes, by segments between two readings of the clock.

   The guest calls sched_yield(2) before a first inference, between it and a second one, and after
   that. In the second one every clock_gettime(2) ends a segment; LiteRT's profiler reads the clock
   after each operation. The plugin counts how often each translated block runs, and every PERIOD
   blocks it writes down a window: WINDOW blocks in the order in which they run. With cache sizes
   as arguments it also sends every access to data through a model of the caches, from the first
   inference on, which fills them.

   Arguments: out=FILE yield=NUMBER clock=NUMBER [cache=BYTES:WAYS ...], numbers of system calls.
   Lines of FILE, times in microseconds:
       segment START [FILLS CLAIMS WRITE-BACKS ...]      at its end; three for each cache
       BLOCK EXECUTIONS                                  of the segment above
       window BLOCK BLOCK ...                            of the segment below
       block BLOCK INSTRUCTIONS CODE                     in hexadecimal, at the end of the file

   Declarations are those of QEMU 7.2, plugin API version 1 (include/qemu/qemu-plugin.h), which
   Debian does not package. */

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
typedef void (*tb_cb)(qemu_plugin_id_t, struct qemu_plugin_tb *);
typedef void (*exec_cb)(unsigned, void *);
typedef void (*mem_cb)(unsigned, uint32_t, uint64_t, void *);
typedef void (*syscall_cb)(qemu_plugin_id_t, unsigned, int64_t, uint64_t, uint64_t, uint64_t,
                           uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);
typedef void (*exit_cb)(qemu_plugin_id_t, void *);
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, tb_cb);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *, exec_cb,
                                          enum qemu_plugin_cb_flags, void *);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *, mem_cb, enum qemu_plugin_cb_flags,
                                      enum qemu_plugin_mem_rw, void *);
void qemu_plugin_register_vcpu_syscall_cb(qemu_plugin_id_t, syscall_cb);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t, exit_cb, void *);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *);
unsigned qemu_plugin_mem_size_shift(uint32_t);
bool qemu_plugin_mem_is_store(uint32_t);
__attribute__((visibility("default"))) int qemu_plugin_version = 1;

enum {
    LINE = 6,         /* bytes of a line of a cache, as a power of two */
    LEVELS = 3,       /* of caches */
    MOST = 1 << 20,   /* blocks */
    LONGEST = 16,     /* bytes of an instruction */
    WINDOW = 48,      /* blocks of a window */
    PERIOD = 2003,    /* blocks from one window to the next; the first follows 7 blocks */
    FIRST = WINDOW + 7,
    RECORDING = 2,    /* calls to sched_yield before the segments that are written */
};

/* A translated block; one that is translated twice is two blocks with the same code. */
struct block {
    uint64_t executions, before; /* in all, and before the segment */
    size_t insns, size;
    uint8_t *code;
    bool ran; /* in a segment that was written */
};

/* A set-associative cache with LRU replacement; each set is ordered, most recent first.
   An entry is a line number shifted left by one; bit 0 says that the line was written to. */
struct cache {
    uint64_t sets, ways, *lines;
    uint64_t fills, claims, write_backs; /* in the segment: for reads, for writes, and out again */
};

static struct block blocks[MOST];
static size_t many;
static struct cache caches[LEVELS];
static int levels, yields;
static int64_t yield_number, clock_number;
static uint64_t start; /* of the segment */
static uint32_t window[WINDOW];
static unsigned until = FIRST; /* blocks until the end of the next window */
static FILE *out;

/* Why a line is looked up: the level above reads or claims (will write to) a line that it has not,
   or writes a whole line back, which needs no fetching. */
enum why { READ, CLAIM, WRITE_BACK };

/* Look a line up, and bring it in from the next level if it is missing. */
static void look(int level, uint64_t line, enum why why)
{
    if (level == levels)
        return;
    struct cache *cache = &caches[level];
    uint64_t *set = cache->lines + line % cache->sets * cache->ways, way = 0;
    while (way < cache->ways - 1 && set[way] >> 1 != line)
        way++;
    bool write = level == 0 ? why == CLAIM : why == WRITE_BACK;
    uint64_t found = set[way], entry = line << 1 | write;
    memmove(set + 1, set, way * sizeof *set);
    if (found >> 1 == line) {
        set[0] = entry | (found & 1);
        return;
    }
    set[0] = entry;
    if (why != WRITE_BACK) {
        *(why == READ ? &cache->fills : &cache->claims) += 1;
        look(level + 1, line, why);
    }
    if (found & 1) {
        cache->write_backs++;
        look(level + 1, found >> 1, WRITE_BACK);
    }
}

static void accessed(unsigned cpu, uint32_t what, uint64_t address, void *unused)
{
    static uint64_t recent = UINT64_MAX; /* the line of the last access, with its bit */
    (void)cpu, (void)unused;
    if (yields == 0)
        return;
    uint64_t first = address >> LINE;
    uint64_t last = (address + (1u << qemu_plugin_mem_size_shift(what)) - 1) >> LINE;
    bool write = qemu_plugin_mem_is_store(what);
    for (uint64_t line = first; line <= last; line++) {
        uint64_t entry = line << 1 | write;
        if (entry == recent || (entry | 1) == recent)
            continue;
        look(0, line, write ? CLAIM : READ);
        recent = entry;
    }
}

static void write_window(void)
{
    fputs("window", out);
    for (int i = 0; i < WINDOW; i++)
        fprintf(out, " %" PRIu32, window[i]);
    fputc('\n', out);
}

static void executed(unsigned cpu, void *number)
{
    uint32_t block = (uintptr_t)number;
    (void)cpu;
    blocks[block].executions++;
    if (yields != RECORDING || --until >= WINDOW)
        return;
    window[WINDOW - 1 - until] = block;
    if (until == 0) {
        write_window();
        until = PERIOD;
    }
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    (void)id;
    if (many == MOST) {
        fputs("the plugin has no room for more blocks\n", stderr);
        exit(1);
    }
    struct block *block = &blocks[many];
    size_t insns = qemu_plugin_tb_n_insns(tb);
    block->insns = insns;
    block->code = malloc(insns * LONGEST);
    for (size_t i = 0; i < insns; i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        size_t size = qemu_plugin_insn_size(insn);
        memcpy(block->code + block->size, qemu_plugin_insn_data(insn), size);
        block->size += size;
        if (levels)
            qemu_plugin_register_vcpu_mem_cb(insn, accessed, QEMU_PLUGIN_CB_NO_REGS,
                                             QEMU_PLUGIN_MEM_RW, NULL);
    }
    void *number = (void *)(uintptr_t)many++;
    qemu_plugin_register_vcpu_tb_exec_cb(tb, executed, QEMU_PLUGIN_CB_NO_REGS, number);
}

static void write_segment(void)
{
    fprintf(out, "segment %" PRIu64, start);
    for (struct cache *cache = caches; cache < caches + levels; cache++)
        fprintf(out, " %" PRIu64 " %" PRIu64 " %" PRIu64, cache->fills, cache->claims,
                cache->write_backs);
    fputc('\n', out);
    for (size_t i = 0; i < many; i++) {
        uint64_t executions = blocks[i].executions - blocks[i].before;
        if (executions == 0)
            continue;
        fprintf(out, "%zu %" PRIu64 "\n", i, executions);
        blocks[i].ran = true;
    }
}

static void end_segment(void)
{
    struct timespec now;
    if (yields == RECORDING)
        write_segment();
    for (size_t i = 0; i < many; i++)
        blocks[i].before = blocks[i].executions;
    for (struct cache *cache = caches; cache < caches + levels; cache++)
        cache->fills = cache->claims = cache->write_backs = 0;
    until = FIRST;
    clock_gettime(CLOCK_MONOTONIC, &now);
    start = now.tv_sec * UINT64_C(1000000) + now.tv_nsec / 1000;
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
        fprintf(out, "block %zu %zu ", i, blocks[i].insns);
        for (size_t at = 0; at < blocks[i].size; at++)
            fprintf(out, "%02x", blocks[i].code[at]);
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
    size_t size = cache->sets * cache->ways * sizeof *cache->lines;
    cache->lines = malloc(size);
    memset(cache->lines, 0xfe, size); /* a line that no program has, not written to */
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
