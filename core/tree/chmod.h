/* tree/chmod.h - symbolic modes as chmod(1) writes them ("u=rwX,go=rX").
 *
 * BSD's setmode(3) with a umask of 0, which is what BuildKit applies: a clause
 * without u, g, o or a means all. */
#ifndef TENON_TREE_CHMOD_H
#define TENON_TREE_CHMOD_H

#include <stdbool.h>
#include <stdint.h>

/* The mode that text makes of `mode` (07777 bits count).  Octal text replaces
 * it.  False when text is malformed; *out may be NULL to ask only that. */
bool tenon_chmod_apply(const char *text, uint32_t mode, bool is_dir,
                       uint32_t *out);

#endif
