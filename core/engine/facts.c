/* engine/facts.c - sources with their digests, parameters and steps of a result, as JSON.  What
 * is secret, or has a name that says so, is not in it. */
#include "engine/facts.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/io.h"
#include "base/json.h"
#include "engine/asked.h"
#include "engine/build_private.h"
#include "graph/opjson.h"
#include "image/assemble.h"
#include "solve/known.h"
#include "tools/conceal.h"
#include "tools/jsontext.h"
#include "tools/parse.h"

static void
add(struct json_object *to, const char *key, struct json_object *value)
{
    json_object_object_add(to, key, value);
}

static void
add_string(struct json_object *to, const char *key, const char *value)
{
    add(to, key, json_object_new_string(value));
}

/* ---- collected -------------------------------------------------------------------------- */

struct image { /* a source of layers */
    char *ref, *platform, *digest;
    const char *type; /* of its package URL */
};

struct seen { /* a vertex that was visited */
    const struct tenon_vertex *v;
    UT_hash_handle hh;
};

struct by_digest {
    const struct tenon_known *known;
    UT_hash_handle hh;
};

struct facts {
    struct tenon_build *build;
    const struct tenon_result *result;
    const char *platform;
    struct tenon_knowledge known;
    struct by_digest *by_digest;
    struct seen *seen;
    TENON_VEC(struct image) images;
    struct json_object *gits, *files, *locals, *secrets, *agents;
    struct tenon_mask mask;
    bool network, incomplete;
};

static const struct tenon_known *
known_of(const struct facts *f, const char *digest)
{
    struct by_digest *k;
    HASH_FIND_STR(f->by_digest, digest, k);
    return k ? k->known : NULL;
}

static void
index_known(struct facts *f)
{
    for (size_t i = 0; i < f->known.vertex_count; i++) {
        struct by_digest *k = tenon_new0(struct by_digest);
        k->known = &f->known.vertices[i];
        HASH_ADD_KEYPTR(hh, f->by_digest, k->known->vertex->digest.str,
                        strlen(k->known->vertex->digest.str), k);
    }
}

/* Ids with the least optional of their uses. */
static void
add_id(struct json_object *list, const char *id, bool optional)
{
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *o = json_object_array_get_idx(list, i);
        if (strcmp(json_object_get_string(json_object_object_get(o, "id")), id))
            continue;
        if (!optional)
            json_object_object_del(o, "optional");
        return;
    }
    struct json_object *o = json_object_new_object();
    add_string(o, "id", id);
    if (optional)
        add(o, "optional", json_object_new_boolean(true));
    json_object_array_add(list, o);
}

static bool
has_member(struct json_object *list, const char *key, const char *value)
{
    for (size_t i = 0; i < json_object_array_length(list); i++)
        if (!strcmp(json_object_get_string(
                        json_object_object_get(json_object_array_get_idx(list, i), key)), value))
            return true;
    return false;
}

static struct json_object *
digest_set(const char *algorithm, const char *hex)
{
    struct json_object *o = json_object_new_object();
    add_string(o, algorithm, hex);
    return o;
}

static void
add_material(struct json_object *list, const char *uri, struct json_object *digests)
{
    auto_free char *shown = tenon_url_conceal(uri);
    if (has_member(list, "uri", shown)) {
        json_object_put(digests);
        return;
    }
    struct json_object *o = json_object_new_object();
    add_string(o, "uri", shown);
    if (digests)
        add(o, "digest", digests);
    json_object_array_add(list, o);
}

static void
add_image(struct facts *f, const char *identifier, const char *platform, const char *digest)
{
    const char *ref = strstr(identifier, "://");
    bool local = !tenon_has_prefix(identifier, "docker-image://");
    if (!ref)
        return;
    tenon_vec_foreach(x, &f->images)
        if (!strcmp(x->ref, ref + 3) && !strcmp(x->platform, platform))
            return;
    struct image x = { tenon_strdup(ref + 3), tenon_strdup(platform), tenon_strdup(digest),
                       local ? "oci" : "docker" };
    tenon_vec_push(&f->images, x);
}

static const char *
attr(const struct tenon_op_source *s, const char *key)
{
    for (size_t i = 0; i < s->attr_count; i++)
        if (!strcmp(s->attrs[i].key, key))
            return s->attrs[i].value;
    return NULL;
}

static void
add_git(struct facts *f, const struct tenon_op_source *s, const struct tenon_known *k)
{
    const char *full = attr(s, "git.fullurl"), *rest = strstr(s->identifier, "://");
    const char *hash = strchr(s->identifier, '#');
    const char *fragment = hash ? hash + 1 : "";
    auto_free char *url = full ? tenon_strdup(full) : tenon_asprintf("https://%.*s",
        hash ? (int)(hash - rest - 3) : (int)strlen(rest + 3), rest + 3);
    size_t ref = strcspn(fragment, ":"); /* what follows is a directory */
    auto_free char *uri = ref ? tenon_asprintf("%s#%.*s", url, (int)ref, fragment)
                              : tenon_strdup(url);
    const char *sha = k && k->digest ? k->digest : NULL;
    add_material(f->gits, uri, sha ? digest_set(strlen(sha) == 64 ? "sha256" : "sha1", sha) : NULL);
    static const char *const secrets[] = { "git.authtokensecret", "git.authheadersecret" };
    for (size_t i = 0; i < tenon_countof(secrets); i++)
        if (attr(s, secrets[i]))
            add_id(f->secrets, attr(s, secrets[i]), true);
    if (attr(s, "git.mountsshsock"))
        add_id(f->agents, attr(s, "git.mountsshsock"), true);
}

/* One blob of an image; an identifier that is no name says only that.  BuildKit writes the digest
 * otherwise than an image's: its ":" is not escaped. */
static void
add_blob(struct facts *f, const char *identifier, const char *digest)
{
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    const char *type = tenon_has_prefix(identifier, "oci-layout+blob://") ? "oci" : "docker";
    auto_free char *purl = tenon_image_purl(type, strstr(identifier, "://") + 3, NULL, &ignored);
    static const char lead[] = "?digest=sha256";
    char *at = purl ? strstr(purl, lead) : NULL;
    auto_free char *uri = at ? tenon_asprintf("%.*s:%s&ref_type=blob",
                                              (int)(at + sizeof lead - 1 - purl), purl,
                                              at + sizeof lead - 1 + strlen("%3A")) : NULL;
    add_material(f->files, uri ? uri : identifier,
                 digest_set("sha256", digest + strlen("sha256:")));
}

static void
add_source(struct facts *f, const struct tenon_vertex *v)
{
    const struct tenon_op_source *s = &v->op.source;
    const struct tenon_known *k = known_of(f, v->digest.str);
    const char *digest = k ? k->digest : NULL;
    if (tenon_has_prefix(s->identifier, "local://")) {
        const char *name = s->identifier + strlen("local://");
        if (has_member(f->locals, "name", name))
            return;
        struct json_object *o = json_object_new_object();
        add_string(o, "name", name);
        json_object_array_add(f->locals, o);
    } else if (tenon_has_prefix(s->identifier, "docker-image://") ||
               tenon_has_prefix(s->identifier, "oci-layout://")) {
        if (digest)
            add_image(f, s->identifier, k->platform, digest);
    } else if (tenon_has_prefix(s->identifier, "git://")) {
        add_git(f, s, k);
    } else if (digest && tenon_has_prefix(digest, "sha256:") &&
               strstr(s->identifier, "+blob://")) {
        add_blob(f, s->identifier, digest);
    } else if (digest && tenon_has_prefix(digest, "sha256:")) {
        add_material(f->files, s->identifier, digest_set("sha256", digest + strlen("sha256:")));
    } else {
        f->incomplete = true;
    }
}

static void
add_step(struct facts *f, const struct tenon_op_exec *x)
{
    for (size_t i = 0; i < x->mount_count; i++) {
        const struct tenon_op_mount *m = &x->mounts[i];
        if (m->type == TENON_LLB_MOUNT_SECRET)
            add_id(f->secrets, m->id, m->optional);
        if (m->type == TENON_LLB_MOUNT_SSH)
            add_id(f->agents, *m->id ? m->id : "default", m->optional);
    }
    for (size_t i = 0; i < x->secretenv_count; i++)
        add_id(f->secrets, x->secretenv[i].id, x->secretenv[i].optional);
    f->network = f->network || x->network != TENON_LLB_NET_NONE;
}

/* True the first time. */
static bool
see(struct facts *f, const struct tenon_vertex *v)
{
    struct seen *s;
    HASH_FIND_PTR(f->seen, &v, s);
    if (s)
        return false;
    s = tenon_new0(struct seen);
    s->v = v;
    HASH_ADD_PTR(f->seen, v, s);
    return true;
}

/* All that the vertex rests on.  Without recursion: a chain of steps may be long. */
static void
visit(struct facts *f, const struct tenon_vertex *first)
{
    TENON_VEC(const struct tenon_vertex *) todo = {0};
    if (see(f, first))
        tenon_vec_push(&todo, first);
    while (todo.len) {
        const struct tenon_vertex *v = todo.items[--todo.len];
        for (size_t i = 0; i < v->input_count; i++)
            if (v->inputs[i].vertex && see(f, v->inputs[i].vertex))
                tenon_vec_push(&todo, v->inputs[i].vertex);
        if (v->op.type == TENON_OP_SOURCE)
            add_source(f, v);
        else if (v->op.type == TENON_OP_EXEC)
            add_step(f, &v->op.exec);
        else if (v->op.type == TENON_OP_BUILD)
            f->incomplete = true;
    }
    tenon_vec_release(&todo);
}

static void
collect(struct facts *f)
{
    pthread_mutex_lock(&f->build->lock);
    tenon_vec_foreach(r, &f->build->refs)
        if ((*r)->solved && (*r)->edge.vertex)
            visit(f, (*r)->edge.vertex);
    pthread_mutex_unlock(&f->build->lock);
    for (size_t i = 0; i < f->known.name_count; i++)
        if (strstr(f->known.names[i].identifier, "docker-image://") ||
            strstr(f->known.names[i].identifier, "oci-layout://"))
            add_image(f, f->known.names[i].identifier, f->known.names[i].platform,
                      f->known.names[i].digest);
}

/* ---- images ------------------------------------------------------------------------------ */

/* The name and tag of a reference, without its digest. */
static char *
tag_of(const char *text)
{
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    auto_free char *named = tenon_strndup(text, strcspn(text, "@"));
    struct tenon_reference ref = {0};
    if (tenon_reference_parse(named, &ref, &ignored) < 0)
        return tenon_strdup(named);
    char *s = tenon_reference_string(&ref);
    tenon_reference_release(&ref);
    return s;
}

/* Is the same image there by its tag? */
static bool
is_repeated(const struct facts *f, const struct image *image)
{
    if (!strchr(image->ref, '@'))
        return false;
    auto_free char *name = tag_of(image->ref);
    tenon_vec_foreach(x, &f->images) {
        auto_free char *other = strchr(x->ref, '@') ? NULL : tag_of(x->ref);
        if (tenon_streq(other, name))
            return true;
    }
    return false;
}

static bool
is_there_for(const struct facts *f, const char *ref, const char *platform)
{
    tenon_vec_foreach(x, &f->images)
        if (!strcmp(x->ref, ref) && !strcmp(x->platform, platform))
            return true;
    return false;
}

/* Of an image that each platform of the result has, the one of this platform is meant. */
static bool
is_of_another(const struct facts *f, const struct image *image)
{
    if (!*f->platform)
        return false;
    tenon_vec_foreach(p, &f->result->platforms)
        if (!is_there_for(f, image->ref, p->platform))
            return false;
    return strcmp(image->platform, f->platform) != 0;
}

static int
by_ref(const void *a, const void *b)
{
    const struct image *x = a, *y = b;
    int order = strcmp(x->ref, y->ref);
    return order ? order : strcmp(x->platform, y->platform);
}

static int
add_images(struct facts *f, struct json_object *materials, struct tenon_error *err)
{
    if (f->images.len)
        qsort(f->images.items, f->images.len, sizeof *f->images.items, by_ref);
    tenon_vec_foreach(x, &f->images) {
        struct tenon_platform platform;
        if (is_repeated(f, x) || is_of_another(f, x))
            continue;
        if (tenon_platform_parse(x->platform, &platform, err) < 0)
            return err->code;
        auto_free char *purl = tenon_image_purl(x->type, x->ref, &platform, err);
        if (!purl)
            return err->code;
        const char *hex = strchr(x->digest, ':');
        add_material(materials, purl, digest_set("sha256", hex ? hex + 1 : x->digest));
    }
    return TENON_OK;
}

/* ---- steps -------------------------------------------------------------------------------- */

static char *
step_of(struct json_object *mapping, const char *digest)
{
    struct json_object *name;
    return tenon_strdup(json_object_object_get_ex(mapping, digest, &name)
                            ? json_object_get_string(name) : "");
}

/* "digest" and "index" become "step2:0". */
static struct json_object *
input_names(struct json_object *mapping, struct json_object *op)
{
    struct json_object *inputs, *list = json_object_new_array();
    if (!json_object_object_get_ex(op, "inputs", &inputs))
        return list;
    for (size_t i = 0; i < json_object_array_length(inputs); i++) {
        struct json_object *in = json_object_array_get_idx(inputs, i);
        auto_free char *step = step_of(mapping, json_object_get_string(
                                                    json_object_object_get(in, "digest")));
        auto_free char *name = tenon_asprintf("%s:%lld", step, (long long)json_object_get_int64(
                                                  json_object_object_get(in, "index")));
        json_object_array_add(list, json_object_new_string(name));
    }
    json_object_object_del(op, "inputs");
    return list;
}

static void
add_layers(struct facts *f, struct json_object *layers, const char *step, const char *digest)
{
    const struct tenon_known *k = known_of(f, digest);
    for (uint32_t i = 0; k && i < k->output_count; i++) {
        const struct tenon_chain *chain = &k->outputs[i];
        auto_free struct tenon_snapshot_blob *blobs =
            tenon_calloc(chain->len ? chain->len : 1, sizeof *blobs);
        if (!chain->len || !tenon_image_layers_known(f->build->engine->store, chain, blobs))
            continue;
        struct json_object *list = json_object_new_array(), *one = json_object_new_array();
        for (size_t n = 0; n < chain->len; n++) {
            struct json_object *d = json_object_new_object();
            add_string(d, "mediaType", blobs[n].media_type);
            add_string(d, "digest", blobs[n].digest.str);
            add(d, "size", json_object_new_int64(blobs[n].size));
            json_object_array_add(one, d);
        }
        json_object_array_add(list, one);
        auto_free char *name = tenon_asprintf("%s:%u", step, i);
        add(layers, name, list);
    }
}

/* Which client had a directory, not what was in it; digests stay those of the definition. */
static void
forget_session(struct json_object *op)
{
    struct json_object *kind, *source, *attrs;
    if (!json_object_object_get_ex(op, "Op", &kind) ||
        !json_object_object_get_ex(kind, "source", &source) ||
        !json_object_object_get_ex(source, "attrs", &attrs))
        return;
    json_object_object_del(attrs, "local.session");
    json_object_object_del(attrs, "local.unique");
    if (!json_object_object_length(attrs))
        json_object_object_del(source, "attrs");
}

/* Those of the definition by numbers; to: "steps", "digestMapping" by names that are given. */
static struct json_object *
add_listed(const struct facts *f, struct json_object *to, struct json_object *definition,
           const char *steps_name, const char *mapping_name)
{
    struct json_object *list, *one;
    struct json_object *steps = json_object_new_array(), *mapping = json_object_new_object();
    add(to, steps_name, steps);
    add(to, mapping_name, mapping);
    if (!json_object_object_get_ex(definition, "def", &list))
        return mapping;
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        auto_free char *step = tenon_asprintf("step%zu", i);
        add_string(mapping, json_object_get_string(json_object_object_get(
                                json_object_array_get_idx(list, i), "digest")), step);
    }
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        auto_free char *step = tenon_asprintf("step%zu", i);
        json_object_object_get_ex(json_object_array_get_idx(list, i), "op", &one);
        struct json_object *s = json_object_new_object(), *inputs = input_names(mapping, one);
        add_string(s, "id", step);
        forget_session(one);
        add(s, "op", tenon_mask_json(&f->mask, one));
        if (json_object_array_length(inputs))
            add(s, "inputs", inputs);
        else
            json_object_put(inputs);
        json_object_array_add(steps, s);
    }
    return mapping;
}

/* A build file, and the steps that it was read from. */
static struct json_object *
build_file(const struct facts *f, struct json_object *info)
{
    struct json_object *from = NULL;
    if (json_object_object_get_ex(info, "definition", &from))
        json_object_get(from);
    json_object_object_del(info, "definition");
    struct json_object *shown = tenon_mask_files(&f->mask, info);
    if (from)
        add_listed(f, shown, from, "llbDefinition", "digestMapping");
    json_object_put(from);
    return shown;
}

static void
add_places(const struct facts *f, struct json_object *o, struct json_object *source,
           struct json_object *mapping)
{
    struct json_object *places, *infos, *named = json_object_new_object();
    struct json_object *out = json_object_new_object(), *files = json_object_new_array();
    if (json_object_object_get_ex(source, "locations", &places)) {
        json_object_object_foreach(places, digest, where) {
            auto_free char *step = step_of(mapping, digest);
            if (*step)
                add(named, step, json_object_get(where));
        }
    }
    add(out, "locations", named);
    if (json_object_object_get_ex(source, "infos", &infos)) {
        for (size_t i = 0; i < json_object_array_length(infos); i++)
            json_object_array_add(files, build_file(f, json_object_array_get_idx(infos, i)));
        add(out, "infos", files);
    } else {
        json_object_put(files);
    }
    add(o, "source", out);
}

static int
add_steps(struct facts *f, struct json_object *o, struct tenon_edge edge, struct tenon_error *err)
{
    auto_buf struct tenon_buf def = TENON_BUF_INIT;
    auto_json struct json_object *d = NULL;
    struct json_object *source, *layers = json_object_new_object();
    tenon_graph_save(f->build->graph, edge, &def);
    add(o, "layers", layers);
    if (tenon_definition_json(def.data, def.len, &d, err) < 0)
        return err->code;
    struct json_object *mapping = add_listed(f, o, d, "steps", "digestMapping");
    json_object_object_foreach(mapping, digest, step)
        add_layers(f, layers, json_object_get_string(step), digest);
    if (json_object_object_get_ex(d, "Source", &source))
        add_places(f, o, source, mapping);
    return TENON_OK;
}

/* ------------------------------------------------------------------------------------------ */

static int
by_uri(const void *a, const void *b)
{
    struct json_object *const *x = a, *const *y = b;
    return strcmp(json_object_get_string(json_object_object_get(*x, "uri")),
                  json_object_get_string(json_object_object_get(*y, "uri")));
}

static int
by_name(const void *a, const void *b)
{
    struct json_object *const *x = a, *const *y = b;
    const char *key = json_object_object_get_ex(*x, "id", NULL) ? "id" : "name";
    return strcmp(json_object_get_string(json_object_object_get(*x, key)),
                  json_object_get_string(json_object_object_get(*y, key)));
}

static void
append(struct json_object *to, struct json_object *from)
{
    for (size_t i = 0; i < json_object_array_length(from); i++)
        json_object_array_add(to, json_object_get(json_object_array_get_idx(from, i)));
}

static void
add_time(struct json_object *o, const char *key, uint64_t ns)
{
    auto_free char *text = tenon_format_time((int64_t)ns);
    add_string(o, key, text);
}

/* What a definition of the client's makes nobody asked for but it: then it says nothing. */
static void
add_request(const struct facts *f, size_t i, struct json_object *o)
{
    const struct tenon_result_platform *p = &f->result->platforms.items[i];
    const struct tenon_asked *asked = p->ref ? p->ref->asked : p->asked;
    if (!asked) {
        add_string(o, "frontend", "");
        add(o, "args", json_object_new_object());
        return;
    }
    auto_json struct json_object *request = tenon_asked_json(asked, &f->mask);
    json_object_object_foreach(request, key, value)
        add(o, key, json_object_get(value));
}

static int
describe(struct facts *f, size_t i, uint32_t flags, struct json_object *o,
         struct tenon_error *err)
{
    const struct tenon_ref *ref = f->result->platforms.items[i].ref;
    struct json_object *materials = json_object_new_array();
    add(o, "materials", materials);
    index_known(f);
    collect(f);
    if (add_images(f, materials, err) < 0)
        return err->code;
    json_object_array_sort(f->gits, by_uri);
    json_object_array_sort(f->files, by_uri);
    append(materials, f->gits);
    append(materials, f->files);
    json_object_array_sort(f->locals, by_name);
    json_object_array_sort(f->secrets, by_name);
    json_object_array_sort(f->agents, by_name);
    add_request(f, i, o);
    add(o, "locals", json_object_get(f->locals));
    add(o, "secrets", json_object_get(f->secrets));
    add(o, "ssh", json_object_get(f->agents));
    add_string(o, "id", f->build->engine->build_id ? f->build->engine->build_id : "");
    add_string(o, "builderPlatform", f->build->engine->host_platform);
    add(o, "compatibility", json_object_new_int64(f->build->compatibility));
    add_time(o, "started", f->build->started_ns);
    add_time(o, "finished", tenon_now_ns());
    add(o, "network", json_object_new_boolean(f->network));
    add(o, "incomplete", json_object_new_boolean(f->incomplete));
    if (!(flags & TENON_FACTS_STEPS) || !ref || !ref->edge.vertex)
        return TENON_OK;
    return add_steps(f, o, ref->edge, err);
}

static void
release(struct facts *f)
{
    tenon_vec_foreach(x, &f->images) {
        free(x->ref);
        free(x->platform);
        free(x->digest);
    }
    struct seen *s, *next;
    HASH_ITER(hh, f->seen, s, next) {
        HASH_DEL(f->seen, s);
        free(s);
    }
    struct by_digest *k, *after;
    HASH_ITER(hh, f->by_digest, k, after) {
        HASH_DEL(f->by_digest, k);
        free(k);
    }
    tenon_vec_release(&f->images);
    tenon_mask_release(&f->mask);
    tenon_knowledge_release(&f->known);
    json_object_put(f->gits);
    json_object_put(f->files);
    json_object_put(f->locals);
    json_object_put(f->secrets);
    json_object_put(f->agents);
}

int
tenon_host_result_facts(struct tenon_ctx *ctx, const struct tenon_result *r, size_t i,
                        uint32_t flags, const char **json, struct tenon_error *err)
{
    struct tenon_build *b = tenon_build_current(tenon_ctx_engine(ctx));
    if (i >= r->platforms.len)
        return tenon_error_set(err, TENON_E_BUG, "a result without platform %zu", i);
    struct facts f = {
        .build = b, .result = r, .platform = r->platforms.items[i].platform,
        .gits = json_object_new_array(), .files = json_object_new_array(),
        .locals = json_object_new_array(), .secrets = json_object_new_array(),
        .agents = json_object_new_array(),
    };
    auto_json struct json_object *o = json_object_new_object();
    tenon_mask_take(&f.mask, b->options);
    tenon_asked_mask(b, &f.mask);
    if (tenon_solver_knowledge(b->solver, &f.known, err) == 0 &&
        describe(&f, i, flags, o, err) == 0) {
        auto_buf struct tenon_buf text = TENON_BUF_INIT;
        tenon_json_write(&text, o, false);
        *json = tenon_ctx_strdup(ctx, tenon_buf_str(&text));
    }
    release(&f);
    return err->code;
}
