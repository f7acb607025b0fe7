/* cli/keep.c - "keep" of the configuration: for how much of what builds leave behind there
 * is room in the store.
 *
 *   "keep": {"failed-steps": {"number": 10, "size": "4g", "age": "168h"}, "logs": {...},
 *            "history": {...}} */
#include <string.h>

#include "tools/alloc.h"
#include "tools/parse.h"
#include "cli.h"

static const char *const kinds[TENON_LEFT_KINDS] = {
    [TENON_LEFT_FAILED] = "failed-steps", [TENON_LEFT_LOGS] = "logs",
    [TENON_LEFT_HISTORY] = "history",
};

static int
read_number(const char *where, struct json_object *value, int64_t *out, struct tenon_error *err)
{
    if (!json_object_is_type(value, json_type_int) || json_object_get_int64(value) < 0)
        return tenon_error_set(err, TENON_E_INVALID, "%s: expected a number", where);
    *out = json_object_get_int64(value);
    return 0;
}

static int
read_text(const char *where, struct json_object *value,
          bool (*parse)(const char *text, int64_t *out), const char *expected, int64_t *out,
          struct tenon_error *err)
{
    int64_t n;
    if (!json_object_is_type(value, json_type_string) ||
        !parse(json_object_get_string(value), &n) || n < 0)
        return tenon_error_set(err, TENON_E_INVALID, "%s: expected %s", where, expected);
    *out = n;
    return 0;
}

static int
read_bounds(const char *kind, struct json_object *o, struct tenon_bounds *out,
            struct tenon_error *err)
{
    static const char *const keys[] = { "number", "size", "age", NULL };
    if (!json_object_is_type(o, json_type_object))
        return tenon_error_set(err, TENON_E_INVALID, "keep: %s: expected an object", kind);
    json_object_object_foreach(o, key, value) {
        auto_free char *where = tenon_asprintf("keep: %s: %s", kind, key);
        int rc = 0;
        if (!strcmp(key, "number"))
            rc = read_number(where, value, &out->number, err);
        else if (!strcmp(key, "size"))
            rc = read_text(where, value, tenon_parse_size, "a size as 500m", &out->bytes, err);
        else if (!strcmp(key, "age"))
            rc = read_text(where, value, tenon_parse_duration, "an age as 24h", &out->age_ns, err);
        else {
            const char *near = tenon_nearest(key, keys);
            rc = tenon_error_set(err, TENON_E_INVALID, "keep: %s: unknown key \"%s\"%s%s%s", kind,
                                 key, near ? " (did you mean \"" : "", near ? near : "",
                                 near ? "\"?)" : "");
        }
        if (rc < 0)
            return rc;
    }
    return 0;
}

int
cli_keep_settings(struct json_object *config, struct tenon_bounds bounds[TENON_LEFT_KINDS],
                  struct tenon_error *err)
{
    struct json_object *keep = NULL;
    memcpy(bounds, tenon_default_bounds, sizeof tenon_default_bounds);
    if (tenon_json_get_object(config, "keep", &keep, err) < 0)
        return tenon_error_context(err, "configuration");
    if (!keep)
        return 0;
    json_object_object_foreach(keep, kind, value) {
        size_t i = 0;
        while (i < tenon_countof(kinds) && strcmp(kinds[i], kind))
            i++;
        static const char *const words[] = { "failed-steps", "history", "logs", NULL };
        auto_free char *meant = tenon_meant(kind, words);
        int rc = i < tenon_countof(kinds)
                     ? read_bounds(kind, value, &bounds[i], err)
                     : tenon_error_set(err, TENON_E_INVALID, "keep: unknown key \"%s\"%s: "
                                       "failed-steps, history or logs", kind, meant);
        if (rc < 0)
            return tenon_error_context(err, "configuration");
    }
    return 0;
}
