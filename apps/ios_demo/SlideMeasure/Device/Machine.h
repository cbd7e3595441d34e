#ifndef SLIDE_MACHINE_H
#define SLIDE_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

/// Largest resident size of this process so far, in bytes; 0 if unknown.
uint64_t slide_peak_memory(void);

/// The memory that the system counts against this process: now, and at most so far; 0 if unknown.
uint64_t slide_footprint(uint64_t *most);

/// The build of the system, such as "22A3354".
const char *slide_os_build(void);

/// Whether a debugger is attached.
bool slide_is_traced(void);

/// The machine's own name, such as "iPhone17,1"; of the simulator, the Mac's processor.
const char *slide_machine_name(void);

#endif
