#include "Machine.h"

#include <sys/resource.h>
#include <sys/utsname.h>

uint64_t slide_peak_memory(void) {
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) != 0) return 0;
#ifdef __APPLE__
    return (uint64_t)usage.ru_maxrss;
#else
    return (uint64_t)usage.ru_maxrss * 1024;  // kilobytes, where the tests run
#endif
}

const char *slide_machine_name(void) {
    static struct utsname name;
    return uname(&name) == 0 ? name.machine : "";
}
