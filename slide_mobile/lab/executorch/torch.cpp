// What ExecuTorch's Python library takes from torch's libraries while it is loaded: one object, and
// that standard streams are initialised. It takes functions, too, but calls them only to convert
// Python's tensors.
#include <iostream>

namespace c10 {

struct UndefinedTensorImpl {
    static long _singleton[64];
};

long UndefinedTensorImpl::_singleton[64];

}  // namespace c10
