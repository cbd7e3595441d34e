// Over the shared library of the executorch wheel, with the headers that the wheel carries.
#include "c_executorch.h"

#include <executorch/extension/threadpool/threadpool_guard.h>
#include <executorch/runtime/core/data_loader.h>
#include <executorch/runtime/executor/method.h>
#include <executorch/runtime/executor/program.h>
#include <executorch/runtime/platform/runtime.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <memory>
#include <vector>

using namespace executorch::runtime;
using executorch::aten::ScalarType;
using executorch::aten::Tensor;
using executorch::aten::TensorImpl;

namespace {

class Bytes final : public DataLoader {
  public:
    explicit Bytes(std::vector<uint8_t> content) : content_(std::move(content)) {}

    Result<FreeableBuffer> load(size_t offset, size_t size, const SegmentInfo &) const override {
        if (offset + size > content_.size()) return Error::InvalidArgument;
        return FreeableBuffer(content_.data() + offset, size, nullptr);
    }

    Result<size_t> size() const override { return content_.size(); }

  private:
    std::vector<uint8_t> content_;
};

// What a method allocates once, when it is loaded.
constexpr size_t kMethodBytes = 16 << 20;

}  // namespace

struct et_method {
    std::unique_ptr<Bytes> bytes;
    std::unique_ptr<Program> program;
    std::vector<std::vector<uint8_t>> planned;
    std::vector<Span<uint8_t>> spans;
    std::vector<uint8_t> pool = std::vector<uint8_t>(kMethodBytes);
    std::unique_ptr<MemoryAllocator> allocator;
    std::unique_ptr<HierarchicalAllocator> memory;
    std::unique_ptr<MemoryManager> manager;
    std::vector<TensorImpl::SizesType> sizes;
    std::vector<TensorImpl::DimOrderType> order;
    std::vector<TensorImpl::StridesType> strides;
    std::unique_ptr<TensorImpl> input;
    std::unique_ptr<Method> method;  // last, so that it goes first
};

void et_one_thread(void) {
    executorch::extension::threadpool::NoThreadPoolGuard::set_enabled(true);
}

int et_load(const char *path, const char *name, et_method **out) {
    runtime_init();
    std::ifstream file(path, std::ios::binary);
    if (!file) return static_cast<int>(Error::AccessFailed);
    auto made = std::make_unique<et_method>();
    made->bytes = std::make_unique<Bytes>(std::vector<uint8_t>(
        std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()));
    auto program = Program::load(made->bytes.get(), Program::Verification::InternalConsistency);
    if (!program.ok()) return static_cast<int>(program.error());
    made->program = std::make_unique<Program>(std::move(*program));
    auto meta = made->program->method_meta(name);
    if (!meta.ok()) return static_cast<int>(meta.error());
    for (size_t i = 0; i < meta->num_memory_planned_buffers(); ++i) {
        made->planned.emplace_back(meta->memory_planned_buffer_size(i).get());
    }
    for (auto &buffer : made->planned) made->spans.emplace_back(buffer.data(), buffer.size());
    made->allocator = std::make_unique<MemoryAllocator>(made->pool.size(), made->pool.data());
    made->memory = std::make_unique<HierarchicalAllocator>(
        Span<Span<uint8_t>>(made->spans.data(), made->spans.size()));
    made->manager = std::make_unique<MemoryManager>(made->allocator.get(), made->memory.get());
    auto method = made->program->load_method(name, made->manager.get());
    if (!method.ok()) return static_cast<int>(method.error());
    made->method = std::make_unique<Method>(std::move(*method));
    *out = made.release();
    return 0;
}

void et_free(et_method *method) { delete method; }

int et_set_input(et_method *method, void *data, const int32_t *shape, size_t rank, int8_t dtype) {
    method->sizes.assign(shape, shape + rank);
    method->order.resize(rank);
    method->strides.resize(rank);
    int32_t stride = 1;
    for (size_t i = rank; i-- > 0;) {
        method->order[i] = static_cast<TensorImpl::DimOrderType>(i);
        method->strides[i] = stride;
        stride *= shape[i];
    }
    method->input = std::make_unique<TensorImpl>(
        static_cast<ScalarType>(dtype), static_cast<ssize_t>(rank), method->sizes.data(), data,
        method->order.data(), method->strides.data());
    return static_cast<int>(method->method->set_input(EValue(Tensor(method->input.get())), 0));
}

int et_execute(et_method *method) { return static_cast<int>(method->method->execute()); }

size_t et_outputs(et_method *method) { return method->method->outputs_size(); }

size_t et_shape(et_method *method, size_t index, int32_t *shape) {
    const auto sizes = method->method->get_output(index).toTensor().sizes();
    std::copy(sizes.begin(), sizes.end(), shape);
    return sizes.size();
}

const void *et_output(et_method *method, size_t index, size_t *count, int8_t *dtype) {
    const auto &value = method->method->get_output(index);
    if (!value.isTensor()) return nullptr;
    const auto tensor = value.toTensor();
    *count = static_cast<size_t>(tensor.numel());
    *dtype = static_cast<int8_t>(tensor.scalar_type());
    return tensor.const_data_ptr();
}
