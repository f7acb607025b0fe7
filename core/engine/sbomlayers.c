/* engine/sbomlayers.c - see sbomlayers.h. */
#include "engine/sbomlayers.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "image/lower.h"
#include "tools/alloc.h"
#include "tools/jsontext.h"
#include "tools/text.h"

#define STATEMENT_MAX ((size_t)48 << 20)

/* Has the layer itself the file?  Not by way of a link, nor as a mark that it is gone. */
static int
layer_has(struct tenon_store *s, int64_t snapshot, const char *path, struct tenon_error *err)
{
    const struct tenon_chain alone = { &snapshot, 1 };
    auto_lower struct tenon_lower at = {0};
    if (tenon_lower_open(s, &alone, &at, err) < 0)
        return err->code;
    for (;;) {
        auto_lower struct tenon_lower below = {0};
        struct stat st;
        int part = -1;
        path += strspn(path, "/");
        const size_t len = strcspn(path, "/");
        auto_free char *name = tenon_strndup(path, len);
        if (!len || len > NAME_MAX || tenon_streq(name, ".."))
            return 0;
        if (tenon_streq(name, ".")) { /* SPDX's form is "./usr/bin/x" */
            path += len;
            continue;
        }
        const int there = tenon_lower_find(&at, name, &st, &below, &part, err);
        if (there <= 0)
            return there;
        path += len;
        if (!path[strspn(path, "/")])
            return 1;
        if (!S_ISDIR(st.st_mode))
            return 0;
        tenon_lower_release(&at);
        at = below;
        below = (struct tenon_lower){0};
    }
}

static int
place(struct tenon_store *s, const struct tenon_chain *chain,
      const struct tenon_image_layer *layers, struct json_object *file, struct tenon_error *err)
{
    struct json_object *name = NULL, *comment = NULL;
    if (!json_object_is_type(file, json_type_object) ||
        !json_object_object_get_ex(file, "fileName", &name) ||
        !json_object_is_type(name, json_type_string) ||
        (json_object_object_get_ex(file, "comment", &comment) &&
         json_object_get_string_len(comment) > 0)) /* it is the scanner's */
        return 0;
    for (size_t i = chain->len; i-- > 0;) {
        const int there = layer_has(s, chain->ids[i], json_object_get_string(name), err);
        if (there < 0)
            return there;
        if (!there)
            continue;
        auto_free char *text = tenon_asprintf("layerID: %s", layers[i].blob.digest.str);
        json_object_object_add(file, "comment", json_object_new_string(text));
        return 0;
    }
    return 0;
}

static struct json_object *
member(struct json_object *o, const char *key, enum json_type type)
{
    struct json_object *m = NULL;
    if (json_object_object_get_ex(o, key, &m) && json_object_is_type(m, type))
        return m;
    m = type == json_type_array ? json_object_new_array() : json_object_new_object();
    json_object_object_add(o, key, m);
    return m;
}

static void
add_creator(struct json_object *document)
{
    static const char ours[] = "Tool: tenon-" TENON_VERSION;
    struct json_object *list = member(member(document, "creationInfo", json_type_object),
                                      "creators", json_type_array);
    for (size_t i = 0; i < json_object_array_length(list); i++)
        if (tenon_streq(json_object_get_string(json_object_array_get_idx(list, i)), ours))
            return; /* a scanner of ours made it */
    json_object_array_add(list, json_object_new_string(ours));
}

int
tenon_sbom_layers(struct tenon_store *s, const struct tenon_chain *chain,
                  const struct tenon_image_layer *layers, struct tenon_image_statement *st,
                  struct tenon_error *err)
{
    auto_json struct json_object *o = NULL;
    struct json_object *document = NULL, *files = NULL, *version = NULL;
    if (!tenon_streq(st->predicate_type, TENON_PREDICATE_SPDX))
        return 0;
    const int rc = tenon_json_parse(st->text, st->len, STATEMENT_MAX, &o, err);
    if (rc == TENON_E_LIMIT) { /* a scanner's long list is no reason to have no image */
        tenon_error_release(err);
        return 0;
    }
    if (rc < 0)
        return tenon_error_context(err, "attestation %s", st->path);
    if (!json_object_object_get_ex(o, "predicate", &document) ||
        !json_object_is_type(document, json_type_object) ||
        !json_object_object_get_ex(document, "spdxVersion", &version))
        return 0;
    if (json_object_object_get_ex(document, "files", &files) &&
        json_object_is_type(files, json_type_array))
        for (size_t i = 0; i < json_object_array_length(files); i++)
            if (place(s, chain, layers, json_object_array_get_idx(files, i), err) < 0)
                return tenon_error_context(err, "attestation %s", st->path);
    add_creator(document);
    struct tenon_buf text = TENON_BUF_INIT;
    tenon_json_write(&text, o, true);
    free(st->text);
    st->len = text.len;
    st->text = tenon_buf_steal(&text);
    return 0;
}
