/* common/export/seen.c - see seen.h. */
#include "seen.h"

#include <stdlib.h>
#include <string.h>

#include "tools/alloc.h"

struct export_seen_path {
    char *path;
    const char *platform;
    bool is_dir;
};

/* FNV-1a; whoever picks names that collide slows down their own output. */
static size_t
slot_of(const struct export_seen *s, const char *path)
{
    uint64_t h = UINT64_C(14695981039346656037);
    for (const char *c = path; *c; c++)
        h = (h ^ (unsigned char)*c) * UINT64_C(1099511628211);
    size_t i = (size_t)h & (s->size - 1);
    while (s->table[i].path && strcmp(s->table[i].path, path))
        i = (i + 1) & (s->size - 1);
    return i;
}

static void
grow(struct export_seen *s)
{
    struct export_seen old = *s;
    s->size = old.size ? old.size * 2 : 1024;
    s->table = tenon_calloc(s->size, sizeof *s->table);
    for (size_t i = 0; i < old.size; i++)
        if (old.table[i].path)
            s->table[slot_of(s, old.table[i].path)] = old.table[i];
    free(old.table);
}

int
export_seen_add(const struct tenon_host *host, struct export_seen *s,
                   const struct export_entry *e, const char *platform,
                   struct tenon_error *err)
{
    const bool is_dir = S_ISDIR(e->st->st_mode);
    if (2 * s->used >= s->size)
        grow(s);
    struct export_seen_path *p = &s->table[slot_of(s, e->path)];
    if (!p->path) {
        *p = (struct export_seen_path){ tenon_strdup(e->path), platform, is_dir };
        s->used++;
        return 0;
    }
    if (is_dir && p->is_dir)
        return 1;
    return host->error->set(err, TENON_E_INVALID, 0,
                            "cannot overwrite %s from %s with %s when split option is disabled",
                            e->path, p->platform, platform);
}

bool
export_seen_has(const struct export_seen *s, const char *path)
{
    return s->size && s->table[slot_of(s, path)].path;
}

void
export_seen_release(struct export_seen *s)
{
    for (size_t i = 0; i < s->size; i++)
        free(s->table[i].path);
    free(s->table);
    *s = (struct export_seen){0};
}
