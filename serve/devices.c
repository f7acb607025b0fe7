/* serve/devices.c - the machine's devices, as workers tell of them. */
#include "devices.h"

#include <string.h>

static struct ctl_pair *
find(struct ctl_pair *pairs, size_t count, const char *key)
{
    for (size_t i = 0; i < count; i++)
        if (!strcmp(pairs[i].key, key))
            return &pairs[i];
    return &pairs[count];
}

/* Those of its file, and its own, which go before. */
static struct message_list
annotations(const struct tenon_cdi_device *d, struct tenon_arena *arena)
{
    struct json_object *const from[] = {d->spec, d->device};
    struct json_object *all[] = {NULL, NULL};
    size_t count = 0, most = 0;

    for (size_t i = 0; i < tenon_countof(from); i++)
        if (json_object_object_get_ex(from[i], "annotations", &all[i]) &&
            json_object_is_type(all[i], json_type_object))
            most += (size_t)json_object_object_length(all[i]);
        else
            all[i] = NULL;
    struct ctl_pair *pairs = tenon_arena_array(arena, most + 1, sizeof *pairs);
    for (size_t i = 0; i < tenon_countof(from); i++) {
        if (!all[i])
            continue;
        json_object_object_foreach(all[i], key, value) {
            if (!value)
                continue; /* null: it has none */
            struct ctl_pair *p = find(pairs, count, key);
            count += p == &pairs[count];
            *p = (struct ctl_pair){tenon_arena_strdup(arena, key), tenon_arena_strdup(
                                       arena, json_object_get_string(value))};
        }
    }
    return (struct message_list){pairs, count};
}

struct message_list
devices_list(const struct tenon_cdi *cdi, struct tenon_arena *arena)
{
    struct ctl_device *all = tenon_arena_array(arena, cdi->devices.len + 1, sizeof *all);

    for (size_t i = 0; i < cdi->devices.len; i++) {
        const struct tenon_cdi_device *d = &cdi->devices.items[i];
        all[i] = (struct ctl_device){d->name, tenon_cdi_is_free(d), annotations(d, arena)};
    }
    return (struct message_list){all, cdi->devices.len};
}
