/* cli/limitsettings.c - "limits" of the configuration: how much of what is hostile a build takes.
 *
 *   "limits": {"unpacked": "500g", "entries": 30000000, "ratio": "none"} */
#include <string.h>

#include "tools/alloc.h"
#include "tools/parse.h"
#include "cli.h"

static int
unknown(const char *name, struct tenon_error *err)
{
    const char *names[TENON_LIMITS + 1] = {0};
    for (size_t i = 0; i < TENON_LIMITS; i++)
        names[i] = tenon_limit_kinds[i].name;
    const char *near = tenon_nearest(name, names);
    return tenon_error_set(err, TENON_E_INVALID, "limits: unknown key \"%s\"%s%s%s", name,
                           near ? " (did you mean \"" : "", near ? near : "",
                           near ? "\"?)" : "");
}

/* A number, a size as text, or "none". */
static bool
read_value(const struct tenon_limit_kind *kind, struct json_object *value, uint64_t *out)
{
    int64_t n;
    if (json_object_is_type(value, json_type_int)) {
        n = json_object_get_int64(value);
    } else if (!json_object_is_type(value, json_type_string)) {
        return false;
    } else if (tenon_streq(json_object_get_string(value), "none")) {
        *out = kind->most < TENON_LIMIT_MOST ? kind->most : TENON_LIMIT_NONE;
        return true;
    } else if (!kind->is_size || !tenon_parse_size(json_object_get_string(value), &n)) {
        return false;
    }
    if (n < 1 || (uint64_t)n < kind->least || (uint64_t)n > kind->most)
        return false;
    *out = (uint64_t)n;
    return true;
}

int
cli_limit_settings(struct json_object *config, struct tenon_limits *out, struct tenon_error *err)
{
    struct json_object *limits = NULL;
    *out = (struct tenon_limits){0};
    if (tenon_json_get_object(config, "limits", &limits, err) < 0)
        return tenon_error_context(err, "configuration");
    if (!limits)
        return 0;
    json_object_object_foreach(limits, name, value) {
        const int which = tenon_limit_find(name);
        const struct tenon_limit_kind *kind = which < 0 ? NULL : &tenon_limit_kinds[which];
        if (!kind)
            unknown(name, err);
        else if (!read_value(kind, value, &out->value[which]))
            tenon_error_set(err, TENON_E_INVALID, "limits: %s: expected %s from %llu to %llu, or "
                            "\"none\"", name, kind->is_size ? "a size as \"500m\"" : "a number",
                            (unsigned long long)kind->least, (unsigned long long)kind->most);
        if (err->code)
            return tenon_error_context(err, "configuration");
    }
    return 0;
}
