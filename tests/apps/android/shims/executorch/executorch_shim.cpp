// A C boundary over the executorch wheel, so that JNA can stand in for executorch-android's JNI.
//
// The wheel ships no libexecutorch.so: its Python extension holds the whole runtime, with XNNPACK
// and the quantised kernels registered, and exports the C++ functions that its own headers declare.

#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <vector>

#include <executorch/runtime/core/data_loader.h>
#include <executorch/runtime/executor/method.h>
#include <executorch/runtime/executor/program.h>
#include <executorch/runtime/platform/runtime.h>

// As threadpool.h has them, which includes a pthreadpool.h that is not in the wheel.
namespace executorch::extension::threadpool {
class ThreadPool {
 public:
  bool _unsafe_reset_threadpool(uint32_t threads);
};
ThreadPool* get_threadpool();
}  // namespace executorch::extension::threadpool

namespace et = executorch::runtime;
using executorch::aten::ScalarType;
using executorch::aten::Tensor;
using executorch::aten::TensorImpl;

namespace {

class File final : public et::DataLoader {
 public:
  explicit File(const char* path) {
    std::ifstream file(path, std::ios::binary);
    bytes_.assign(std::istreambuf_iterator<char>(file), {});
    // Segments are aligned within the file, so the file has to be aligned in memory.
    aligned_.reset(static_cast<char*>(std::aligned_alloc(4096, (bytes_.size() / 4096 + 1) * 4096)));
    std::memcpy(aligned_.get(), bytes_.data(), bytes_.size());
  }
  et::Result<et::FreeableBuffer> load(size_t offset, size_t size, const SegmentInfo&) const override {
    if (offset + size > bytes_.size()) return et::Error::InvalidArgument;
    return et::FreeableBuffer(aligned_.get() + offset, size, nullptr);
  }
  et::Result<size_t> size() const override { return bytes_.size(); }

 private:
  struct Free {
    void operator()(char* p) const { std::free(p); }
  };
  std::vector<char> bytes_;
  std::unique_ptr<char, Free> aligned_;
};

struct Loaded {
  explicit Loaded(const char* path) : file(path), pool(32 << 20), scratch(32 << 20) {}
  File file;
  std::vector<uint8_t> pool, scratch;  // the method's structures, and what its kernels ask for
  std::vector<std::vector<uint8_t>> planned;
  std::vector<et::Span<uint8_t>> spans;
  std::unique_ptr<et::Program> program;
  std::unique_ptr<et::MemoryAllocator> allocator, temporary;
  std::unique_ptr<et::HierarchicalAllocator> hierarchical;
  std::unique_ptr<et::MemoryManager> manager;
  std::unique_ptr<et::Method> method;
};

}  // namespace

extern "C" {

// Error codes are executorch's own (runtime/core/error.h); 0 is success.
int shim_load(const char* path, int threads, Loaded** out) {
  et::runtime_init();
  if (threads > 0) {
    executorch::extension::threadpool::get_threadpool()->_unsafe_reset_threadpool(threads);
  }
  auto m = std::make_unique<Loaded>(path);
  auto program = et::Program::load(&m->file);
  if (!program.ok()) return static_cast<int>(program.error());
  m->program = std::make_unique<et::Program>(std::move(*program));
  auto meta = m->program->method_meta("forward");
  if (!meta.ok()) return static_cast<int>(meta.error());
  for (size_t i = 0; i < meta->num_memory_planned_buffers(); ++i) {
    m->planned.emplace_back(*meta->memory_planned_buffer_size(i));
  }
  for (auto& buffer : m->planned) m->spans.emplace_back(buffer.data(), buffer.size());
  m->allocator = std::make_unique<et::MemoryAllocator>(m->pool.size(), m->pool.data());
  m->temporary = std::make_unique<et::MemoryAllocator>(m->scratch.size(), m->scratch.data());
  m->hierarchical = std::make_unique<et::HierarchicalAllocator>(
      et::Span<et::Span<uint8_t>>(m->spans.data(), m->spans.size()));
  m->manager = std::make_unique<et::MemoryManager>(
      m->allocator.get(), m->hierarchical.get(), m->temporary.get());
  auto method = m->program->load_method("forward", m->manager.get());
  if (!method.ok()) return static_cast<int>(method.error());
  m->method = std::make_unique<et::Method>(std::move(*method));
  *out = m.release();
  return 0;
}

// `dtype` is a torch scalar type. The output's bytes are copied to `output`, its dtype to `output_dtype`.
int shim_run(Loaded* m, void* input, const int32_t* sizes, int rank, int dtype, void* output,
             int64_t capacity, int64_t* output_bytes, int32_t* output_dtype) {
  std::vector<int32_t> shape(sizes, sizes + rank);
  std::vector<uint8_t> order(rank);
  for (int i = 0; i < rank; ++i) order[i] = static_cast<uint8_t>(i);
  TensorImpl implementation(static_cast<ScalarType>(dtype), rank, shape.data(), input, order.data());
  auto error = m->method->set_input(et::EValue(Tensor(&implementation)), 0);
  if (error == et::Error::Ok) error = m->method->execute();
  if (error != et::Error::Ok) return static_cast<int>(error);
  const auto& result = m->method->get_output(0).toTensor();
  if (static_cast<int64_t>(result.nbytes()) > capacity) return -1;
  std::memcpy(output, result.const_data_ptr(), result.nbytes());
  *output_bytes = static_cast<int64_t>(result.nbytes());
  *output_dtype = static_cast<int32_t>(result.scalar_type());
  return 0;
}

int shim_backend(Loaded* m, int index, char* name, int capacity) {
  auto meta = m->program->method_meta("forward");
  if (!meta.ok() || index >= static_cast<int>(meta->num_backends())) return -1;
  auto found = meta->get_backend_name(index);
  if (!found.ok()) return -1;
  std::strncpy(name, *found, capacity);
  return 0;
}

void shim_unload(Loaded* m) { delete m; }
}
