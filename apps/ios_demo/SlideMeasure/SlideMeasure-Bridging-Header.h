#include "Backends/ThreadPool.h"
