#ifndef SLIDE_MACHINE_H
#define SLIDE_MACHINE_H

#include <stdint.h>

/// Largest resident size of this process so far, in bytes; 0 if unknown.
uint64_t slide_peak_memory(void);

/// The machine's own name, such as "iPhone17,1"; of the simulator, the Mac's processor.
const char *slide_machine_name(void);

#endif
