/* base/sized.c - structs of the plugin interface, as far as both sides know them. */
#include "sized.h"

#include <stdint.h>
#include <string.h>

static size_t
common(const void *theirs, size_t own_size)
{
    uint32_t size;
    memcpy(&size, theirs, sizeof size);
    return size < own_size ? size : own_size;
}

void
tenon_sized_take(void *own, size_t own_size, const void *theirs)
{
    memset(own, 0, own_size);
    memcpy(own, theirs, common(theirs, own_size));
}

void
tenon_sized_give(void *theirs, const void *own, size_t own_size)
{
    size_t n = common(theirs, own_size);
    if (n > sizeof(uint32_t))
        memcpy((char *)theirs + sizeof(uint32_t), (const char *)own + sizeof(uint32_t),
               n - sizeof(uint32_t));
}

bool
tenon_sized_is_even(size_t size)
{
    return size % sizeof(void *) == 0;
}
