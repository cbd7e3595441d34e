#ifndef SLIDE_THREAD_POOL_H
#define SLIDE_THREAD_POOL_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Threads that ExecuTorch's delegates compute on.
uint32_t slide_thread_count(void);

/// Makes the pool this large. Only while no model is loaded: a delegate keeps the pool that it found.
bool slide_set_thread_count(uint32_t count);

#ifdef __cplusplus
}
#endif

#endif
