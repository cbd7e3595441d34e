// ExecuTorch's C++ runtime, as far as ExecuTorch.swift beside this needs it.
#ifndef C_EXECUTORCH_H
#define C_EXECUTORCH_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct et_method et_method;

/// Errors are the runtime's own numbers (runtime/core/error.h), 0 if none.
int et_load(const char *path, const char *method, et_method **out);
void et_free(et_method *method);
/// The tensor refers to `data`, which must stay.
int et_set_input(et_method *method, void *data, const int32_t *shape, size_t rank, int8_t dtype);
int et_execute(et_method *method);
size_t et_outputs(et_method *method);
const void *et_output(et_method *method, size_t index, size_t *count, int8_t *dtype);

#ifdef __cplusplus
}
#endif

#endif
