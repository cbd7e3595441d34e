// The C boundary of slide_mobile/lab/executorch, and what executorch-android's Module has beyond it:
// a number of threads, and the names of the backends that a method uses.

#include "c_executorch.cpp"

#include <cstring>

// As threadpool.h has them, which includes a pthreadpool.h that is not in the wheel.
namespace executorch::extension::threadpool {
class ThreadPool {
 public:
  bool _unsafe_reset_threadpool(uint32_t threads);
};
ThreadPool *get_threadpool();
}  // namespace executorch::extension::threadpool

extern "C" {

// 0 is success. Before a method is loaded: XNNPACK takes the pool then.
int et_threads(uint32_t threads) {
    runtime_init();
    const auto pool = executorch::extension::threadpool::get_threadpool();
    return pool != nullptr && pool->_unsafe_reset_threadpool(threads) ? 0 : 1;
}

// 0 is success; not 0 beyond the last.
int et_backend(et_method *method, const char *name, size_t index, char *out, size_t capacity) {
    auto meta = method->program->method_meta(name);
    if (!meta.ok() || index >= meta->num_backends()) return 1;
    auto found = meta->get_backend_name(index);
    if (!found.ok() || std::strlen(*found) >= capacity) return 1;
    std::strcpy(out, *found);
    return 0;
}

}
