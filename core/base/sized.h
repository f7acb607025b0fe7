/* base/sized.h - structs of the plugin interface: the first member tells how many bytes of it
 * the filler knew about.  What one side does not know is absent, which reads as 0. */
#ifndef TENON_BASE_SIZED_H
#define TENON_BASE_SIZED_H

#include <stdbool.h>
#include <stddef.h>

/* *own gets what both sides know of theirs, and 0 for the rest. */
void tenon_sized_take(void *own, size_t own_size, const void *theirs);
/* *theirs, which says how long it is, gets what both know of *own. */
void tenon_sized_give(void *theirs, const void *own, size_t own_size);
/* A size that ends between two members; pointers are the widest of them. */
bool tenon_sized_is_even(size_t size);

#endif
