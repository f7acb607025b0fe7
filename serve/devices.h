/* serve/devices.h - the machine's devices, as workers tell of them. */
#ifndef SERVE_DEVICES_H
#define SERVE_DEVICES_H

#include "ctlmessages.h"
#include "exec/cdi.h"
#include "tools/arena.h"

/* ctl_device each; as long as both last. */
struct message_list devices_list(const struct tenon_cdi *cdi, struct tenon_arena *arena);

#endif
