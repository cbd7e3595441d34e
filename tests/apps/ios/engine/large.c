// Preloaded: counts allocations of at least LARGE_BYTES, and says how many there were.
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

static atomic_long count;
static size_t least = (size_t)-1;

__attribute__((constructor)) static void begin(void) {
    const char *text = getenv("LARGE_BYTES");
    if (text != NULL) least = strtoull(text, NULL, 10);
}

__attribute__((destructor)) static void end(void) {
    fprintf(stderr, "large allocations: %ld\n", atomic_load(&count));
}

static void note(size_t size) {
    if (size >= least) atomic_fetch_add(&count, 1);
}

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

void *malloc(size_t size) {
    note(size);
    return __libc_malloc(size);
}

void *calloc(size_t items, size_t size) {
    note(items * size);
    return __libc_calloc(items, size);
}

void *realloc(void *old, size_t size) {
    note(size);
    return __libc_realloc(old, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    note(size);
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **out, size_t alignment, size_t size) {
    note(size);
    *out = __libc_memalign(alignment, size);
    return *out == NULL ? 12 : 0;
}
