/* engine/statement.c - in-toto statements out of attestations: bundles are opened, subjects
 * filled in, predicates read from where they are. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "context/ctx.h"
#include "engine/attestation.h"
#include "engine/build_private.h"
#include "tools/alloc.h"
#include "tools/jsontext.h"
#include "tools/path.h"

/* BuildKit's. */
#define PREDICATE_MAX ((size_t)40 << 20)
#define STATEMENT_TYPE "https://in-toto.io/Statement/v1"

struct making {
    struct tenon_ctx *ctx;
    const struct tenon_subject *self;
    size_t self_count;
    tenon_statements *out;
};

/* ---- subjects -------------------------------------------------------------------------- */

static struct json_object *
digest_set(const char *const *digests)
{
    struct json_object *o = json_object_new_object();
    for (; digests && *digests; digests++) {
        const char *colon = strchr(*digests, ':');
        if (!colon)
            continue;
        auto_free char *algorithm = tenon_strndup(*digests, (size_t)(colon - *digests));
        json_object_object_add(o, algorithm, json_object_new_string(colon + 1));
    }
    return o;
}

static void
add_subject(struct json_object *list, const char *name, const char *const *digests)
{
    struct json_object *o = json_object_new_object();
    json_object_object_add(o, "name", json_object_new_string(name));
    json_object_object_add(o, "digest", digest_set(digests));
    json_object_array_add(list, o);
}

static struct json_object *
subjects_of(const struct making *m, const struct tenon_attestation *a)
{
    static const struct tenon_subject itself = { .kind = TENON_SUBJECT_SELF };
    const struct tenon_subject *list = a->subject_count ? a->subjects : &itself;
    size_t count = a->subject_count ? a->subject_count : 1;
    struct json_object *o = json_object_new_array();
    for (size_t i = 0; i < count; i++) {
        const char *name = list[i].name && *list[i].name ? list[i].name : NULL;
        if (list[i].kind == TENON_SUBJECT_RAW) {
            add_subject(o, name ? name : "_", list[i].digests);
            continue;
        }
        for (size_t j = 0; j < m->self_count; j++) {
            add_subject(o, m->self[j].name, m->self[j].digests);
            if (name)
                add_subject(o, name, m->self[j].digests);
        }
    }
    return o;
}

/* ---- statements ------------------------------------------------------------------------ */

/* Takes subjects and predicate over. */
static void
push(const struct making *m, const char *path, const char *type, struct json_object *subjects,
     struct json_object *predicate)
{
    auto_json struct json_object *o = json_object_new_object();
    json_object_object_add(o, "_type", json_object_new_string(STATEMENT_TYPE));
    json_object_object_add(o, "predicateType", json_object_new_string(type));
    json_object_object_add(o, "subject", subjects);
    json_object_object_add(o, "predicate", predicate);
    struct tenon_buf text = TENON_BUF_INIT;
    tenon_json_write(&text, o, true);
    size_t len = text.len;
    struct tenon_image_statement s = {
        .path = tenon_strdup(path),
        .predicate_type = tenon_strdup(type),
        .text = tenon_buf_steal(&text),
        .len = len,
    };
    tenon_vec_push(m->out, s);
}

static int
parse(const char *path, const void *data, size_t len, struct json_object **out,
      struct tenon_error *err)
{
    if (tenon_json_parse(data, len, PREDICATE_MAX, out, err) < 0)
        return tenon_error_context(err, "attestation %s", path);
    return TENON_OK;
}

static int
make_one(const struct making *m, const struct tenon_attestation *a, struct tenon_error *err)
{
    const void *data = a->data;
    size_t len = a->len;
    if (a->ref && tenon_build_bridge.read_file(m->ctx, a->ref, a->path, PREDICATE_MAX, &data, &len,
                                               err) < 0)
        return tenon_error_context(err, "cannot read in-toto attestation");
    if (a->content && a->content(a->cookie, m->ctx, &data, &len, err) < 0)
        return tenon_error_context(err, "attestation %s", a->path);
    struct json_object *predicate = NULL; /* of nothing at all it is null */
    if (len && parse(a->path, data, len, &predicate, err) < 0)
        return err->code;
    push(m, a->path, a->predicate_type, subjects_of(m, a), predicate);
    return TENON_OK;
}

/* ---- bundles --------------------------------------------------------------------------- */

/* One file of a bundle: a whole statement, about what it says itself. */
static int
open_statement(const struct making *m, const struct tenon_attestation *a, const char *path,
               struct json_object *stmt, struct tenon_error *err)
{
    const char *type;
    struct json_object *subjects, *predicate = NULL;
    if (tenon_json_get_str(stmt, "predicateType", "", &type, err) < 0 ||
        tenon_json_get_array(stmt, "subject", &subjects, err) < 0)
        return tenon_error_context(err, "attestation %s", path);
    if (a->predicate_type && *a->predicate_type && strcmp(type, a->predicate_type))
        return tenon_error_set(err, TENON_E_INVALID, "bundle entry %s does not match required "
                               "predicate type %s", type, a->predicate_type);
    if (tenon_has_prefix(type, TENON_SLSA_PREFIX))
        return tenon_error_set(err, TENON_E_INVALID,
                               "frontend may not bundle provenance attestations");
    json_object_object_get_ex(stmt, "predicate", &predicate);
    bool says = subjects && json_object_array_length(subjects) > 0;
    push(m, path, type, says ? json_object_get(subjects) : subjects_of(m, a),
         json_object_get(predicate));
    return TENON_OK;
}

enum { BUNDLE_ENTRIES = 1000, BUNDLE_MAX = 256 << 20 };

static int
open_bundle(const struct making *m, const struct tenon_attestation *a, struct tenon_error *err)
{
    const char *dir = a->path && *a->path ? a->path : "/";
    const struct tenon_stat *const *entries;
    size_t count, total = 0;
    if (tenon_build_bridge.read_dir(m->ctx, a->ref, dir, &entries, &count, err) < 0)
        return tenon_error_context(err, "attestation bundle");
    if (count > BUNDLE_ENTRIES)
        return tenon_error_set(err, TENON_E_LIMIT, "attestation bundle: %zu entries, at most %d",
                               count, BUNDLE_ENTRIES);
    for (size_t i = 0; i < count; i++) {
        auto_free char *path = tenon_asprintf("%s%s%s", dir, tenon_has_suffix(dir, "/") ? "" : "/",
                                              entries[i]->path);
        const void *data;
        size_t len;
        auto_json struct json_object *stmt = NULL;
        if (tenon_build_bridge.read_file(m->ctx, a->ref, path, PREDICATE_MAX, &data, &len,
                                         err) < 0)
            return tenon_error_context(err, "attestation bundle");
        total += len;
        if (total > BUNDLE_MAX)
            return tenon_error_set(err, TENON_E_LIMIT, "attestation bundle: more than %d bytes",
                                   BUNDLE_MAX);
        if (parse(path, data, len, &stmt, err) < 0)
            return err->code;
        if (json_object_get_type(stmt) != json_type_object)
            return tenon_error_set(err, TENON_E_INVALID,
                                   "attestation %s: in-toto statement is not a JSON object", path);
        if (open_statement(m, a, path, stmt, err) < 0)
            return err->code;
    }
    return TENON_OK;
}

/* ---- all of a platform ------------------------------------------------------------------ */

/* Of a scan of several trees, the one of the image itself comes first. */
static bool
is_core(const struct tenon_attestation *a, const char *path)
{
    const char *name = tenon_attestation_meta(a, "sbom-core");
    const char *base = strrchr(path, '/');
    base = base ? base + 1 : path;
    return name && strcspn(base, ".") == strlen(name) && tenon_has_prefix(base, name);
}

static bool
is_inline_only(const struct tenon_attestation *a)
{
    return tenon_streq(tenon_attestation_meta(a, "inline-only"), "true");
}

bool
tenon_result_is_attested(const struct tenon_result *r, const char *platform, bool inline_too)
{
    const struct tenon_attestation *a;
    for (size_t i = 0; (a = tenon_result_attestation(r, platform, i)); i++)
        if (inline_too || !is_inline_only(a))
            return true;
    return false;
}

int
tenon_statements_make(struct tenon_ctx *ctx, const struct tenon_result *r, const char *platform,
                      bool inline_too, const struct tenon_subject *self, size_t self_count,
                      tenon_statements *out, struct tenon_error *err)
{
    tenon_statements all = {0}, rest = {0};
    const struct making m = { ctx, self, self_count, &all };
    const struct tenon_attestation *a;
    for (size_t i = 0; (a = tenon_result_attestation(r, platform, i)); i++) {
        if (!inline_too && is_inline_only(a))
            continue;
        all.len = 0;
        int rc = a->kind == TENON_ATTESTATION_BUNDLE ? open_bundle(&m, a, err)
                                                     : make_one(&m, a, err);
        tenon_vec_foreach(s, &all) {
            s->is_core = is_core(a, s->path);
            if (s->is_core)
                tenon_vec_push(out, *s);
            else
                tenon_vec_push(&rest, *s);
        }
        if (rc < 0)
            break;
    }
    tenon_vec_foreach(s, &rest)
        tenon_vec_push(out, *s);
    tenon_vec_release(&all);
    tenon_vec_release(&rest);
    return err->code;
}

void
tenon_statements_release(tenon_statements *list)
{
    tenon_vec_foreach(s, list) {
        free(s->path);
        free(s->predicate_type);
        free(s->text);
    }
    tenon_vec_release(list);
}

static void
release_statements(void *data)
{
    tenon_statements_release(data);
}

int
tenon_host_result_statements(struct tenon_ctx *ctx, struct tenon_result *r, size_t i,
                             const struct tenon_subject *self, size_t self_count,
                             const struct tenon_statement **out, size_t *count,
                             struct tenon_error *err)
{
    tenon_statements *made = tenon_ctx_alloc(ctx, sizeof *made);
    tenon_ctx_defer(ctx, release_statements, made);
    if (i >= r->platforms.len)
        return tenon_error_set(err, TENON_E_BUG, "a result without platform %zu", i);
    if (tenon_statements_make(ctx, r, r->platforms.items[i].platform, false, self, self_count, made,
                              err) < 0)
        return err->code;
    struct tenon_statement *list = tenon_ctx_alloc(ctx, (made->len + 1) * sizeof *list);
    for (size_t k = 0; k < made->len; k++) {
        struct tenon_image_statement *s = &made->items[k];
        struct tenon_buf text = TENON_BUF_INIT;
        tenon_json_indent(&text, s->text, s->len);
        free(s->text);
        s->len = text.len;
        s->text = tenon_buf_steal(&text);
        list[k] = (struct tenon_statement){ s->path, s->predicate_type, s->text, s->len };
    }
    *out = list;
    *count = made->len;
    return TENON_OK;
}
