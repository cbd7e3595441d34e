// ExecuTorch's Swift interface has no word for threads, and its framework ships the headers of
// module and tensor only. These are the two functions of extension/threadpool/threadpool.h (v1.4.1)
// that are needed, declared as there; the definitions are in the threadpool framework that
// backend_xnnpack brings along.

#include "ThreadPool.h"

#include <cstddef>

namespace executorch::extension::threadpool {
class ThreadPool {
  public:
    size_t get_thread_count() const;
    bool _unsafe_reset_threadpool(uint32_t num_threads);
};
ThreadPool *get_threadpool();
}  // namespace executorch::extension::threadpool

using executorch::extension::threadpool::get_threadpool;

uint32_t slide_thread_count(void) {
    auto *pool = get_threadpool();
    return pool == nullptr ? 1 : static_cast<uint32_t>(pool->get_thread_count());
}

bool slide_set_thread_count(uint32_t count) {
    auto *pool = get_threadpool();
    return pool != nullptr && pool->_unsafe_reset_threadpool(count);
}
