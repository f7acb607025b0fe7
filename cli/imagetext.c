/* cli/imagetext.c - see imagetext.h. */
#include "imagetext.h"

#include <string.h>
#include <strings.h>

#include "cli.h"
#include "tools/alloc.h"
#include "tools/jsontext.h"
#include "tools/parse.h"
#include "tools/text.h"
#include "places/versions.h"

#define LABEL 12 /* columns of a label */

/* ---- for a reader ------------------------------------------------------------------------ */

static struct json_object *
member(struct json_object *o, const char *key)
{
    struct json_object *value = NULL;
    return json_object_is_type(o, json_type_object) && json_object_object_get_ex(o, key, &value)
               ? value : NULL;
}

static const char *
text_of(struct json_object *o, const char *key)
{
    struct json_object *value = member(o, key);
    return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;
}

static void
put(int indent, const char *label, const char *value)
{
    if (!value || !*value)
        return;
    const int len = (int)strnlen(label, LABEL);
    printf("%*s", indent, "");
    cli_put_line(stdout, label); /* an annotation's, too */
    printf("%*s", *label ? LABEL - len : 0, "");
    cli_put_line(stdout, value);
    putchar('\n');
}

static void
put_notes(int indent, struct json_object *o)
{
    struct json_object *notes = member(o, "annotations");
    if (!json_object_is_type(notes, json_type_object) || !json_object_object_length(notes))
        return;
    printf("%*sAnnotations:\n", indent, "");
    json_object_object_foreach(notes, key, value) {
        auto_free char *label = tenon_asprintf("%s: ", key);
        put(indent + 2, label, json_object_get_string(value));
    }
}

/* A list, or a value, as it would be written in JSON; nothing for what is empty. */
static void
put_json(int indent, const char *label, struct json_object *value)
{
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    if (!value || (json_object_is_type(value, json_type_array) && !json_object_array_length(value)))
        return;
    tenon_json_write(&text, value, false);
    put(indent, label, tenon_buf_str(&text));
}

static void
put_config(int indent, struct json_object *config)
{
    struct json_object *inner = member(config, "config");
    put(indent, "Created:", text_of(config, "created"));
    put(indent, "User:", text_of(inner, "User"));
    put(indent, "WorkingDir:", text_of(inner, "WorkingDir"));
    put_json(indent, "Entrypoint:", member(inner, "Entrypoint"));
    put_json(indent, "Cmd:", member(inner, "Cmd"));
    put_json(indent, "Env:", member(inner, "Env"));
    put_json(indent, "Labels:", member(inner, "Labels"));
}

static void
put_layers(struct json_object *manifest)
{
    struct json_object *layers = member(manifest, "layers");
    if (!json_object_is_type(layers, json_type_array))
        return;
    puts("\nLayers:");
    for (size_t i = 0; i < json_object_array_length(layers); i++) {
        struct json_object *layer = json_object_array_get_idx(layers, i);
        const int64_t size = json_object_get_int64(member(layer, "size"));
        auto_free char *bytes = tenon_format_bytes(size);
        auto_free char *line = tenon_asprintf("%s %10s  %s", text_of(layer, "digest"), bytes,
                                              text_of(layer, "mediaType"));
        put(2, "", line);
    }
}

/* What is known of an image that an index names. */
static void
put_about(struct json_object *o, const char *what, const char *platform, const char *label)
{
    struct json_object *all = member(o, what);
    if (member(all, platform))
        put(2, label, "yes");
}

static void
put_entry(struct json_object *o, const char *name, struct json_object *entry)
{
    auto_free char *platform = tenon_platform_said(member(entry, "platform"));
    auto_free char *full = tenon_asprintf("%s@%s", name, text_of(entry, "digest"));
    put(2, "Name:", full);
    put(2, "MediaType:", text_of(entry, "mediaType"));
    put(2, "Platform:", platform);
    if (platform) {
        put_config(2, member(member(o, "image"), platform));
        put_about(o, "provenance", platform, "Provenance:");
        put_about(o, "sbom", platform, "SBOM:");
    }
    put_notes(2, entry);
}

void
image_put(struct json_object *o)
{
    struct json_object *manifest = member(o, "manifest"), *list = member(manifest, "manifests");
    const char *name = text_of(o, "name");
    put(0, "Name:", name);
    put(0, "MediaType:", text_of(manifest, "mediaType"));
    put(0, "Digest:", text_of(manifest, "digest"));
    put_notes(0, manifest);
    if (!json_object_is_type(list, json_type_array)) {
        auto_free char *platform = tenon_platform_said(member(o, "image"));
        put(0, "Platform:", platform);
        put_config(0, member(o, "image"));
        put_layers(manifest);
        return;
    }
    puts("\nManifests:");
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        if (i)
            putchar('\n');
        put_entry(o, name, json_object_array_get_idx(list, i));
    }
}

/* ---- templates ----------------------------------------------------------------------------- */

/* Go's names of members are not JSON's: .Manifest.Digest is "digest". */
static struct json_object *
look(struct json_object *o, const char *name)
{
    if (!json_object_is_type(o, json_type_object))
        return NULL;
    struct json_object *exact = member(o, name);
    if (exact)
        return exact;
    json_object_object_foreach(o, key, value)
        if (!strcasecmp(key, name))
            return value;
    return NULL;
}

/* ".", ".A.B"; false: something else. */
static bool
follow(struct json_object *o, const char *path, struct json_object **out)
{
    if (*path != '.')
        return false;
    for (path++; *path;) {
        const size_t len = strcspn(path, ".");
        auto_free char *name = tenon_strndup(path, len);
        if (!len || strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"
                                 "0123456789") != len)
            return false;
        o = look(o, name);
        path += len + (path[len] == '.');
    }
    *out = o;
    return true;
}

static void
put_value(struct json_object *value, bool json)
{
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    auto_buf struct tenon_buf plain = TENON_BUF_INIT;
    if (!json && json_object_is_type(value, json_type_string)) {
        cli_put_text(stdout, json_object_get_string(value));
        return;
    }
    tenon_json_write(&text, value, false);
    tenon_text_add_json(&plain, text.data, text.len);
    fputs(tenon_buf_str(&plain), stdout);
}

int
image_put_template(struct json_object *o, const char *text, struct tenon_error *err)
{
    const char *at = text;
    for (const char *open; (open = strstr(at, "{{")); ) {
        const char *end = strstr(open, "}}");
        fwrite(at, 1, (size_t)(open - at), stdout);
        auto_free char *inside = tenon_strndup(open + 2, end ? (size_t)(end - open - 2) : 0);
        char *rest = NULL, *word = strtok_r(inside, " ", &rest), *next = strtok_r(NULL, " ", &rest);
        const bool json = word && next && !strcmp(word, "json");
        const char *path = json ? next : word && !next ? word : "";
        struct json_object *value = NULL;
        if (!end || !follow(o, path, &value)) {
            tenon_error_set(err, TENON_E_INVALID, "--format: \"%s\" is not understood", open);
            return tenon_error_hint(err, "text, {{.Manifest.Digest}} and {{json .Image}} are");
        }
        put_value(value, json);
        at = end + 2;
    }
    puts(at);
    return 0;
}
