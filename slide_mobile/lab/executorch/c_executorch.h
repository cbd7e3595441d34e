// ExecuTorch's C++ runtime behind a C boundary, for ctypes, Swift and the JVM.
#ifndef C_EXECUTORCH_H
#define C_EXECUTORCH_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct et_method et_method;

/// Methods that are loaded after this compute in the thread that calls them.
void et_one_thread(void);
/// Errors are the runtime's own numbers (runtime/core/error.h), 0 if none.
int et_load(const char *path, const char *method, et_method **out);
void et_free(et_method *method);
/// The tensor refers to `data`, which must stay.
int et_set_input(et_method *method, void *data, const int32_t *shape, size_t rank, int8_t dtype);
int et_execute(et_method *method);
size_t et_outputs(et_method *method);
/// `shape` has room for 16 numbers; returns the rank.
size_t et_shape(et_method *method, size_t index, int32_t *shape);
const void *et_output(et_method *method, size_t index, size_t *count, int8_t *dtype);

#ifdef __cplusplus
}
#endif

#endif
