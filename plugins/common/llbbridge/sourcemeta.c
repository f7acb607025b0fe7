/* common/llbbridge/sourcemeta.c - see sourcemeta.h. */
#include "sourcemeta.h"

#include <stdlib.h>
#include <string.h>

#include "tools/alloc.h"
#include "tools/buf.h"

#define NS_PER_S INT64_C(1000000000)

/* ---- platforms, attributes ------------------------------------------------- */

struct gw_platform
gateway_split_platform(struct tenon_arena *a, const char *text)
{
    char *os = tenon_arena_strdup(a, text), *save = NULL;
    struct gw_platform p = {.os = strtok_r(os, "/", &save)};

    p.arch = strtok_r(NULL, "/", &save);
    p.variant = p.arch ? strtok_r(NULL, "/", &save) : NULL;
    return p;
}

const char *
gateway_join_platform(struct tenon_arena *a, const struct gw_platform *p)
{
    if (!p || !*p->os)
        return NULL;
    auto_free char *text = tenon_asprintf("%s/%s%s%s", p->os, p->arch, *p->variant ? "/" : "",
                                          p->variant);
    return tenon_arena_strdup(a, text);
}

const char **
gateway_join(struct tenon_arena *a, const struct message_list *pairs)
{
    const struct gw_pair *p = pairs->items;
    const char **list = tenon_arena_array(a, pairs->len + 1, sizeof *list);

    for (size_t i = 0; i < pairs->len; i++) {
        auto_free char *text = tenon_asprintf("%s=%s", p[i].key, p[i].value);
        list[i] = tenon_arena_strdup(a, text);
    }
    qsort(list, pairs->len, sizeof *list, tenon_by_text);
    return list;
}

struct gw_source
gateway_source(struct tenon_arena *a, const char *identifier, const char *const *attrs)
{
    struct gw_source out = {.identifier = identifier};
    size_t count = 0;

    while (attrs && attrs[count])
        count++;
    struct gw_pair *pairs = tenon_arena_array(a, count + 1, sizeof *pairs);
    for (size_t i = 0; i < count; i++) {
        char *key = tenon_arena_strdup(a, attrs[i]);
        char *eq = strchr(key, '=');
        *eq = '\0';
        pairs[i] = (struct gw_pair){key, eq + 1};
    }
    out.attrs = (struct message_list){pairs, count};
    return out;
}

/* ---- questions ------------------------------------------------------------- */

struct wanted {
    struct tenon_arena *arena;
    const char **list;
    size_t count;
};

static void
add(struct wanted *w, char *text)
{
    w->list[w->count++] = tenon_arena_strdup(w->arena, text);
    free(text);
}

/* A number that means nothing is one that the source's plugin does not know. */
static char *
digest_wanted(const struct gw_checksum *c)
{
    static const char *const names[] = {"sha256", "sha384", "sha512"};
    const bool known = c->algorithm >= 0 && c->algorithm < (int64_t)tenon_countof(names);
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    const unsigned char *suffix = c->suffix.data;

    tenon_buf_addf(&text, "http.digest=%s:", known ? names[c->algorithm] : "unknown");
    for (size_t i = 0; i < c->suffix.len; i++)
        tenon_buf_addf(&text, "%02x", suffix[i]);
    return tenon_buf_steal(&text);
}

static const char *const *
wanted_of(struct tenon_arena *a, const struct gw_resolve_meta *asked)
{
    const struct gw_resolve_image *image = asked->image;
    const size_t predicates = image ? image->predicates.len : 0;
    const char *const *types = predicates ? image->predicates.items : NULL;
    struct wanted w = {a, tenon_arena_array(a, predicates + 5, sizeof *w.list), 0};

    if (*asked->mode)
        add(&w, tenon_asprintf("image.resolvemode=%s", asked->mode));
    if (asked->git && asked->git->object)
        add(&w, tenon_strdup("git.object=true"));
    if (asked->http && asked->http->checksum)
        add(&w, digest_wanted(asked->http->checksum));
    if (image && (image->chain || predicates))
        add(&w, tenon_strdup("image.attestations=true"));
    for (size_t i = 0; i < predicates; i++)
        add(&w, tenon_asprintf("image.predicate=%s", types[i]));
    return w.list;
}

struct tenon_source_query
gateway_query(struct tenon_arena *arena, const struct gw_resolve_meta *asked)
{
    return (struct tenon_source_query){
        .struct_size = sizeof(struct tenon_source_query),
        .identifier = asked->source->identifier,
        .platform = gateway_join_platform(arena, asked->platform),
        .log_name = *asked->log_name ? asked->log_name : NULL,
        .attrs = gateway_join(arena, &asked->source->attrs),
        .wanted = wanted_of(arena, asked),
    };
}

/* ---- answers --------------------------------------------------------------- */

static const struct tenon_fact *
find_fact(const struct tenon_source_meta *meta, const char *name)
{
    for (size_t i = 0; i < meta->fact_count; i++)
        if (strcmp(meta->facts[i].name, name) == 0)
            return &meta->facts[i];
    return NULL;
}

/* NULL: it is not known. */
static const char *
text_fact(const struct tenon_source_meta *meta, const char *name)
{
    const struct tenon_fact *f = find_fact(meta, name);
    return f ? f->data : NULL;
}

static struct message_bytes
bytes_fact(const struct tenon_source_meta *meta, const char *name)
{
    const struct tenon_fact *f = find_fact(meta, name);
    return f ? (struct message_bytes){f->data, f->len} : (struct message_bytes){0};
}

static void
add_document(struct tenon_arena *a, const struct tenon_fact *f, struct gw_named_document *out)
{
    struct gw_descriptor *desc = tenon_arena_alloc(a, sizeof *desc);
    struct gw_document *doc = tenon_arena_alloc(a, sizeof *doc);
    const char *digest = strchr(f->name, ' ') + 1;

    *desc = (struct gw_descriptor){f->type, digest, (int64_t)f->len};
    *doc = (struct gw_document){desc, {f->data, f->len}};
    *out = (struct gw_named_document){digest, doc};
}

/* NULL: nothing is known of the kind. */
static const struct gw_chain *
chain_of(struct tenon_arena *a, const struct tenon_source_meta *meta)
{
    struct gw_named_document *documents = tenon_arena_array(a, meta->fact_count + 1,
                                                            sizeof *documents);
    const char **signatures = tenon_arena_array(a, meta->fact_count + 1, sizeof *signatures);
    struct gw_chain *chain = tenon_arena_alloc(a, sizeof *chain);

    *chain = (struct gw_chain){
        .root = text_fact(meta, "image.root"), .manifest = text_fact(meta, "image.manifest"),
        .attestation = text_fact(meta, "image.attestation"),
        .signatures = {signatures, 0}, .documents = {documents, 0},
    };
    for (size_t i = 0; i < meta->fact_count; i++) {
        const struct tenon_fact *f = &meta->facts[i];
        if (strcmp(f->name, "image.signature") == 0)
            signatures[chain->signatures.len++] = f->data;
        else if (tenon_has_prefix(f->name, "image.blob "))
            add_document(a, f, &documents[chain->documents.len++]);
    }
    return chain->root ? chain : NULL;
}

static const struct gw_meta_image *
image_of(struct tenon_arena *a, const struct gw_resolve_meta *asked,
         const struct tenon_source_meta *meta)
{
    struct gw_meta_image *m = tenon_arena_alloc(a, sizeof *m);
    const bool no_config = asked->image && asked->image->no_config;

    *m = (struct gw_meta_image){meta->digest, {no_config ? NULL : meta->config, meta->config_len},
                                chain_of(a, meta)};
    return m;
}

static const struct gw_meta_git *
git_of(struct tenon_arena *a, const struct tenon_source_meta *meta)
{
    struct gw_meta_git *m = tenon_arena_alloc(a, sizeof *m);

    *m = (struct gw_meta_git){
        .checksum = meta->digest, .ref = text_fact(meta, "git.ref"),
        .commit_checksum = text_fact(meta, "git.commit"),
        .commit = {meta->object, meta->object_len}, .tag = bytes_fact(meta, "git.tag"),
    };
    return m;
}

static const struct gw_meta_http *
http_of(struct tenon_arena *a, const struct gw_resolve_meta *asked,
        const struct tenon_source_meta *meta)
{
    struct gw_meta_http *m = tenon_arena_alloc(a, sizeof *m);
    struct gw_time *time = tenon_arena_alloc(a, sizeof *time);
    struct gw_checksum_answer *answer = tenon_arena_alloc(a, sizeof *answer);
    const struct gw_checksum *checksum = asked->http ? asked->http->checksum : NULL;
    const char *digest = checksum ? text_fact(meta, "http.digest") : NULL;

    *time = (struct gw_time){meta->modified_ns / NS_PER_S, meta->modified_ns % NS_PER_S};
    if (digest)
        *answer = (struct gw_checksum_answer){digest, checksum->suffix};
    *m = (struct gw_meta_http){meta->digest, text_fact(meta, "http.filename"),
                               meta->modified_ns ? time : NULL, digest ? answer : NULL};
    return m;
}

const struct gw_meta *
gateway_meta(struct tenon_arena *a, const struct gw_resolve_meta *asked,
             const struct tenon_source_meta *meta)
{
    struct gw_meta *m = tenon_arena_alloc(a, sizeof *m);
    struct gw_source *source = tenon_arena_alloc(a, sizeof *source);
    const char *id = meta->source;

    *source = gateway_source(a, id, meta->source_attrs);
    m->source = source;
    if (tenon_has_prefix(id, "docker-image://") || tenon_has_prefix(id, "oci-layout://"))
        m->image = image_of(a, asked, meta);
    else if (tenon_has_prefix(id, "git://"))
        m->git = git_of(a, meta);
    else if (tenon_has_prefix(id, "http://") || tenon_has_prefix(id, "https://"))
        m->http = http_of(a, asked, meta);
    return m;
}
