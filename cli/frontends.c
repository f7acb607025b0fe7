/* cli/frontends.c - "frontends" of tenon.json: which build file's "# syntax=" is served by what.
 * The plugins that obey it are told by their own configuration. */
#include "cli.h"

#include <string.h>

#include "base/log.h"
#include "tools/alloc.h"
#include "tools/parse.h"

static const struct {
    const char *key;            /* of "frontends" */
    const char *plugin, *option; /* whose it is */
    enum json_type type;
} known[] = {
    {"allowed", "frontend-gateway", "allowed", json_type_array},
    {"docker/dockerfile", "frontend-dockerfile", "syntax", json_type_string},
};

static struct json_object *
object_in(struct json_object *o, const char *key)
{
    struct json_object *there = NULL;

    if (!json_object_object_get_ex(o, key, &there) ||
        !json_object_is_type(there, json_type_object)) {
        there = json_object_new_object();
        json_object_object_add(o, key, there);
    }
    return there;
}

/* A list of nothing is no option; one with an empty name allows nothing as well. */
static struct json_object *
told(struct json_object *value)
{
    if (!json_object_is_type(value, json_type_array) || json_object_array_length(value) > 0)
        return json_object_get(value);
    struct json_object *nobody = json_object_new_array();
    json_object_array_add(nobody, json_object_new_string(""));
    return nobody;
}

/* Any other key is a repository, or a word, and its value the plugin that serves what is written
 * for it. */
static int
tell_served(struct json_object *config, const char *key, struct json_object *value,
            const char *const *names, struct tenon_error *err)
{
    const char *near = tenon_nearest(key, names);

    if (!strpbrk(key, "/.") && near)
        return tenon_error_set(err, TENON_E_INVALID, "configuration: frontends: %s: unknown key "
                               "(did you mean \"%s\"?)", key, near);
    if (!*key || !json_object_is_type(value, json_type_string))
        return tenon_error_set(err, TENON_E_INVALID, "configuration: frontends: %s: expected a "
                               "name for \"# syntax=\", and the name of a plugin", key);
    struct json_object *plugin = object_in(object_in(config, "plugins"), "frontend-dockerfile");
    struct json_object *list = NULL;
    if (!json_object_object_get_ex(plugin, "served-by", &list) ||
        !json_object_is_type(list, json_type_array)) {
        list = json_object_new_array();
        json_object_object_add(plugin, "served-by", list);
    }
    auto_free char *pair = tenon_asprintf("%s=%s", key, json_object_get_string(value));
    json_object_array_add(list, json_object_new_string(pair));
    return TENON_OK;
}

static int
tell(struct json_object *config, const char *key, struct json_object *value,
     struct tenon_error *err)
{
    const char *names[tenon_countof(known) + 1] = {0};

    for (size_t i = 0; i < tenon_countof(known); i++) {
        names[i] = known[i].key;
        if (strcmp(key, known[i].key) != 0)
            continue;
        if (!json_object_is_type(value, known[i].type))
            return tenon_error_set(err, TENON_E_INVALID,
                                   "configuration: frontends: %s: expected %s", key,
                                   json_type_to_name(known[i].type));
        struct json_object *plugin = object_in(object_in(config, "plugins"), known[i].plugin);
        json_object_object_add(plugin, known[i].option, told(value));
        return TENON_OK;
    }
    return tell_served(config, key, value, names, err);
}

int
cli_frontends_settings(struct json_object *config, struct tenon_error *err)
{
    struct json_object *frontends = NULL;

    if (!json_object_object_get_ex(config, "frontends", &frontends) || !frontends)
        return TENON_OK;
    json_object_object_foreach(frontends, key, value) {
        if (tell(config, key, value, err) < 0)
            return err->code;
    }
    return TENON_OK;
}
