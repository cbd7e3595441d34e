#include "Backends/ThreadPool.h"
#include "Device/Machine.h"
