/* solve/apart.c - see apart.h. */
#include "solve/apart.h"

#include <string.h>

#include "base/json.h"
#include "solve/cache.h"
#include "solve/import.h"
#include "tools/jsontext.h"

bool
apart_by_inputs(const struct state *st)
{
    for (size_t i = 0; i < st->v->input_count; i++)
        if (st->inputs[i]->apart)
            return true;
    return false;
}

bool
apart_by_import(const struct import_record *r)
{
    return r && !tenon_import_is_trusted(r->import);
}

char *
apart_trusted(const struct import_record *r)
{
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    if (!r || !tenon_import_is_trusted(r->import))
        return NULL;
    auto_json struct json_object *o = json_object_new_object();
    json_object_object_add(o, TENON_RECORD_TRUSTED,
                           json_object_new_string(tenon_import_name(r->import)));
    tenon_json_write(&text, o, false);
    return tenon_buf_steal(&text);
}

/* The key that a key has among those of this build's caches. */
static void
move_apart(const struct tenon_solver *s, const char *key, struct tenon_digest *out)
{
    auto_hash struct tenon_hash *h = tenon_hash_new();
    const char *origin = import_origin(s);

    tenon_hash_item(h, "tenon.key", "imported", strlen("imported"));
    tenon_hash_item(h, "origin", origin, strlen(origin));
    tenon_hash_item(h, "key", key, strlen(key));
    tenon_hash_final(h, out);
}

/* What the record's id is for those who build upon it, and where it came from. */
static char *
origin_json(const struct tenon_solver *s, const char *id)
{
    auto_json struct json_object *o = json_object_new_object();
    auto_buf struct tenon_buf text = TENON_BUF_INIT;

    json_object_object_add(o, TENON_RECORD_IMPORTED, json_object_new_string(import_origin(s)));
    json_object_object_add(o, "id", json_object_new_string(id));
    tenon_json_write(&text, o, false);
    return tenon_buf_steal(&text);
}

static int
restore_id(struct tenon_record *r, struct tenon_error *err)
{
    auto_json struct json_object *o = NULL;
    const char *id = NULL, *origin = NULL;

    if (!r->extra) /* made here, and linked */
        return 0;
    if (tenon_json_parse(r->extra, strlen(r->extra), 1 << 16, &o, err) < 0 ||
        tenon_json_get_str(o, TENON_RECORD_IMPORTED, NULL, &origin, err) < 0 ||
        tenon_json_get_str(o, "id", NULL, &id, err) < 0)
        return tenon_error_context(err, "imported record %s", r->id.str);
    if (!origin) /* or of a trusted cache, which is the same */
        return 0;
    if (!id || !tenon_digest_parse(id, &r->id))
        return tenon_error_set(err, TENON_E_CORRUPT, "imported record %s has no id", r->id.str);
    return 0;
}

int
apart_find(const struct tenon_solver *s, const char *key, struct tenon_record *out,
           bool *apart, struct tenon_error *err)
{
    struct tenon_digest moved;
    *apart = false;
    int rc = tenon_record_find(s->engine->store, key, out, err);
    /* Of one that was made here the keys alone may be known. */
    if (rc != 0 || !import_origin(s))
        return rc;
    move_apart(s, key, &moved);
    rc = tenon_record_find(s->engine->store, moved.str, out, err);
    if (rc > 0 && restore_id(out, err) < 0) {
        tenon_record_release(out);
        return err->code;
    }
    *apart = rc > 0;
    return rc;
}

int
apart_store(const struct tenon_solver *s, bool apart, const char *const *keys, size_t count,
            const struct tenon_record *r, const char *scope, const char *description,
            const struct tenon_key_part *parts, size_t part_count, struct tenon_error *err)
{
    if (!apart)
        return tenon_record_store(s->engine->store, keys, count, r, scope, description, parts,
                                  part_count, err);
    auto_free struct tenon_digest *moved = tenon_calloc(count + 1, sizeof *moved);
    auto_free const char **names = tenon_calloc(count + 1, sizeof *names);
    auto_free char *extra = origin_json(s, r->id.str);
    auto_free char *what = tenon_asprintf("imported from %s: %s", import_origin(s),
                                          description ? description : "");
    struct tenon_record other = *r;

    other.extra = extra;
    move_apart(s, r->id.str, &other.id);
    for (size_t i = 0; i < count; i++) {
        move_apart(s, keys[i], &moved[i]);
        names[i] = moved[i].str;
    }
    return tenon_record_store(s->engine->store, names, count, &other, scope, what, parts,
                              part_count, err);
}

int
apart_link(const struct tenon_solver *s, bool apart, const char *key, const char *id,
           bool found_apart, struct tenon_error *err)
{
    struct tenon_digest moved_key, moved_id;
    if (!apart && !found_apart)
        return tenon_record_link(s->engine->store, key, id, err);
    move_apart(s, key, &moved_key);
    move_apart(s, id, &moved_id);
    return tenon_record_link(s->engine->store, moved_key.str,
                             found_apart ? moved_id.str : id, err);
}
