#include "Machine.h"

#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#ifdef __APPLE__
#include <mach/mach.h>
#include <sys/sysctl.h>
#endif

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

uint64_t slide_footprint(uint64_t *most) {
    *most = 0;
#ifdef __APPLE__
    task_vm_info_data_t info;
    mach_msg_type_number_t count = TASK_VM_INFO_COUNT;
    if (task_info(mach_task_self(), TASK_VM_INFO, (task_info_t)&info, &count) != KERN_SUCCESS) return 0;
    if (info.ledger_phys_footprint_peak > 0) *most = (uint64_t)info.ledger_phys_footprint_peak;
    return info.phys_footprint;
#else
    return 0;
#endif
}

const char *slide_os_build(void) {
    static char build[64];
#ifdef __APPLE__
    size_t size = sizeof build;
    if (sysctlbyname("kern.osversion", build, &size, NULL, 0) != 0) return "";
#endif
    return build;
}

bool slide_is_traced(void) {
#ifdef __APPLE__
    struct kinfo_proc info = {0};
    size_t size = sizeof info;
    int name[] = {CTL_KERN, KERN_PROC, KERN_PROC_PID, getpid()};
    return sysctl(name, 4, &info, &size, NULL, 0) == 0 && (info.kp_proc.p_flag & P_TRACED) != 0;
#else
    return false;
#endif
}
