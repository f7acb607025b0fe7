/* policy/lockfile.c - see lockfile.h. */
#include "policy/lockfile.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "tools/alloc.h"
#include "tools/conceal.h"
#include "tools/jsontext.h"
#include "tools/text.h"
#include "tools/vec.h"

enum { LOCK_MAX = 16 << 20, LOCK_VERSION = 1 };

struct entry {
    char *source, *platform; /* platform "": any */
    char *digest;            /* "sha256:...", of git a commit */
};

struct tenon_lockfile {
    char *path;
    pthread_mutex_t lock; /* the entries */
    TENON_VEC(struct entry) entries;
};

struct tenon_lockfile *
tenon_lockfile_new(void)
{
    struct tenon_lockfile *l = tenon_new0(struct tenon_lockfile);
    pthread_mutex_init(&l->lock, NULL);
    return l;
}

void
tenon_lockfile_free(struct tenon_lockfile *l)
{
    if (!l)
        return;
    tenon_vec_foreach(e, &l->entries) {
        free(e->source);
        free(e->platform);
        free(e->digest);
    }
    tenon_vec_release(&l->entries);
    pthread_mutex_destroy(&l->lock);
    free(l->path);
    free(l);
}

const char *
tenon_lockfile_path(const struct tenon_lockfile *l)
{
    return l->path;
}

/* ---- the file -------------------------------------------------------------------- */

static int
read_entry(struct json_object *o, struct tenon_lockfile *l, struct tenon_error *err)
{
    const char *source, *platform, *digest;
    if (!json_object_is_type(o, json_type_object))
        return tenon_error_set(err, TENON_E_INVALID, "expected object");
    if (tenon_json_get_str(o, "source", "", &source, err) < 0 ||
        tenon_json_get_str(o, "platform", "", &platform, err) < 0 ||
        tenon_json_get_str(o, "digest", "", &digest, err) < 0)
        return err->code;
    if (!*source || !*digest)
        return tenon_error_set(err, TENON_E_INVALID, "a source and its digest are wanted");
    tenon_vec_push(&l->entries, (struct entry){tenon_strdup(source), tenon_strdup(platform),
                                               tenon_strdup(digest)});
    return TENON_OK;
}

static int
read_entries(struct json_object *o, struct tenon_lockfile *l, struct tenon_error *err)
{
    struct json_object *sources = NULL;
    int64_t version = 0;
    if (!json_object_is_type(o, json_type_object))
        return tenon_error_set(err, TENON_E_INVALID, "expected object");
    if (tenon_json_get_int(o, "version", 0, &version, err) < 0 ||
        tenon_json_get_array(o, "sources", &sources, err) < 0)
        return err->code;
    if (version != LOCK_VERSION)
        return tenon_error_set(err, TENON_E_UNSUPPORTED, "version %lld is not known",
                               (long long)version);
    for (size_t i = 0; sources && i < json_object_array_length(sources); i++)
        if (read_entry(json_object_array_get_idx(sources, i), l, err) < 0)
            return tenon_error_context(err, "sources[%zu]", i);
    return TENON_OK;
}

int
tenon_lockfile_parse(const char *text, size_t len, const char *path, struct tenon_lockfile **out,
                     struct tenon_error *err)
{
    auto_json struct json_object *o = NULL;
    struct tenon_lockfile *l = tenon_lockfile_new();
    l->path = tenon_strdup(path);
    if (tenon_json_parse(text, len, LOCK_MAX, &o, err) < 0 || read_entries(o, l, err) < 0) {
        tenon_lockfile_free(l);
        return tenon_error_context(err, "lock file %s", path);
    }
    *out = l;
    return TENON_OK;
}

static int
by_source(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    int rc = strcmp(x->source, y->source);
    rc = rc ? rc : strcmp(x->platform, y->platform);
    return rc ? rc : strcmp(x->digest, y->digest);
}

static void
add_member(struct tenon_buf *out, const char *name, const char *value)
{
    tenon_buf_addf(out, "\"%s\": ", name);
    tenon_json_add_string(out, value, strlen(value), false);
}

void
tenon_lockfile_text(struct tenon_lockfile *l, struct tenon_buf *out)
{
    pthread_mutex_lock(&l->lock);
    if (l->entries.len)
        qsort(l->entries.items, l->entries.len, sizeof *l->entries.items, by_source);
    tenon_buf_addf(out, "{\n  \"version\": %d,\n  \"sources\": [", LOCK_VERSION);
    for (size_t i = 0; i < l->entries.len; i++) {
        const struct entry *e = &l->entries.items[i];
        tenon_buf_addf(out, "%s\n    {", i ? "," : "");
        add_member(out, "source", e->source);
        if (*e->platform) {
            tenon_buf_adds(out, ", ");
            add_member(out, "platform", e->platform);
        }
        tenon_buf_adds(out, ", ");
        add_member(out, "digest", e->digest);
        tenon_buf_adds(out, "}");
    }
    tenon_buf_addf(out, "%s]\n}\n", l->entries.len ? "\n  " : "");
    pthread_mutex_unlock(&l->lock);
}

/* ---- what it is about ---------------------------------------------------------- */

static bool
is_image(const char *identifier)
{
    return tenon_has_prefix(identifier, "docker-image://") ||
           tenon_has_prefix(identifier, "oci-layout://");
}

static bool
is_http(const char *identifier)
{
    return tenon_has_prefix(identifier, "http://") || tenon_has_prefix(identifier, "https://");
}

static bool
is_local(const char *identifier)
{
    return tenon_has_prefix(identifier, "local://");
}

bool
tenon_lockfile_concerns(const char *identifier)
{
    static const char *const own[] = {
        "local://context", "local://dockerfile", "local://upload",
    };
    for (size_t i = 0; i < tenon_countof(own); i++)
        if (!strcmp(identifier, own[i]))
            return false;
    return strcmp(identifier, "http://buildkit-session/upload") &&
           !tenon_has_prefix(identifier, "upload://");
}

/* By what it is called in the file. */
static struct entry *
find(struct tenon_lockfile *l, const char *name, const char *platform)
{
    tenon_vec_foreach(e, &l->entries)
        if (!strcmp(e->source, name) && !strcmp(e->platform, platform))
            return e;
    return NULL;
}

/* A directory is looked at in several ways in one build (its ignore file, what is copied), and
 * has a digest for each. */
static struct entry *
find_content(struct tenon_lockfile *l, const char *name, const char *digest)
{
    tenon_vec_foreach(e, &l->entries)
        if (!strcmp(e->source, name) && !strcmp(e->digest, digest))
            return e;
    return NULL;
}

static const char *
platform_of(const char *identifier, const char *platform)
{
    return is_image(identifier) && platform ? platform : "";
}

static int
refuse(const struct tenon_lockfile *l, const char *name, const char *platform, const char *digest,
       const struct entry *known, struct tenon_error *err)
{
    auto_free char *where = *platform ? tenon_asprintf(" for %s", platform) : tenon_strdup("");
    if (!known)
        tenon_error_set(err, TENON_E_DENIED, "source \"%s\"%s is not in the lock file %s", name,
                        where, l->path);
    else
        tenon_error_set(err, TENON_E_DENIED, "source \"%s\"%s: the lock file %s has %s, not %s",
                        name, where, l->path, known->digest, digest);
    return tenon_error_hint(err, "if that is meant: tenon lock, with the flags of this build");
}

/* Two of one name, as the file would have it, of which it could have the first alone. */
static int
refuse_second(const char *name, const char *digest, const struct entry *known,
              struct tenon_error *err)
{
    tenon_error_set(err, TENON_E_DENIED, "source \"%s\" is used with two digests, %s and %s: a "
                    "lock file can have one", name, known->digest, digest);
    return tenon_error_hint(err, "names that differ in passwords and tokens alone, which are not "
                            "written down, are one name");
}

/* An image that is named with its digest is found under its bare name, too: frontends put the
 * digest to what they have looked up. */
static struct entry *
find_pinned(struct tenon_lockfile *l, const char *name, const char *platform, const char *digest)
{
    struct entry *e = find(l, name, platform);
    const char *at = strrchr(name, '@');
    if (e || !at || !is_image(name))
        return e;
    auto_free char *bare = tenon_strndup(name, (size_t)(at - name));
    e = find(l, bare, platform);
    return e && (!digest || !strcmp(e->digest, digest)) ? e : NULL;
}

int
tenon_lockfile_use(struct tenon_lockfile *l, const char *identifier, const char *platform,
                   const char *digest, struct tenon_error *err)
{
    if (!tenon_lockfile_concerns(identifier))
        return TENON_OK;
    platform = platform_of(identifier, platform);
    auto_free char *name = tenon_url_conceal(identifier);
    int rc = TENON_OK;
    pthread_mutex_lock(&l->lock);
    struct entry *e = is_local(name) ? find_content(l, name, digest)
                                     : find_pinned(l, name, platform, digest);
    if (l->path && (!e || strcmp(e->digest, digest) != 0))
        rc = refuse(l, name, platform, digest, e ? e : find(l, name, platform), err);
    else if (e && strcmp(e->digest, digest) != 0)
        rc = refuse_second(name, digest, e, err);
    else if (!e)
        tenon_vec_push(&l->entries, (struct entry){tenon_steal(&name), tenon_strdup(platform),
                                                   tenon_strdup(digest)});
    pthread_mutex_unlock(&l->lock);
    return rc;
}

/* ---- pinning --------------------------------------------------------------------- */

static int
pin_image(const struct tenon_lockfile *l, struct tenon_policy_source *s, const char *platform,
          const struct entry *e, struct tenon_error *err)
{
    const char *at = strrchr(s->identifier, '@');
    if (at)
        return !strcmp(at + 1, e->digest) ? 0 : refuse(l, s->identifier, platform, at + 1, e, err);
    char *pinned = tenon_asprintf("%s@%s", s->identifier, e->digest);
    free(s->identifier);
    s->identifier = pinned;
    return 1;
}

static int
pin_attr(const struct tenon_lockfile *l, struct tenon_policy_source *s, const char *key,
         const struct entry *e, struct tenon_error *err)
{
    const char *given = tenon_policy_source_attr(s, key);
    if (given && *given && !tenon_has_prefix(e->digest, given))
        return refuse(l, e->source, "", given, e, err);
    return tenon_policy_source_set(s, key, e->digest);
}

int
tenon_lockfile_pin(struct tenon_lockfile *l, struct tenon_policy_source *s, const char *platform,
                   struct tenon_error *err)
{
    const char *id = s->identifier;
    if (!tenon_lockfile_concerns(id) || !l->path)
        return 0;
    platform = platform_of(id, platform);
    auto_free char *name = tenon_url_conceal(id);
    const char *at = is_image(id) ? strrchr(name, '@') : NULL;
    const struct entry *e = find_pinned(l, name, platform, at ? at + 1 : NULL);
    if (!e) {
        auto_free char *bare = at ? tenon_strndup(name, (size_t)(at - name)) : NULL;
        return refuse(l, name, platform, at ? at + 1 : "", bare ? find(l, bare, platform) : NULL,
                      err);
    }
    if (is_image(id))
        return pin_image(l, s, platform, e, err);
    if (is_http(id))
        return pin_attr(l, s, "http.checksum", e, err);
    if (!tenon_has_prefix(id, "git://"))
        return 0; /* its content is looked at when it is there */
    int rc = pin_attr(l, s, "git.checksum", e, err);
    /* The commit itself, wherever the branch has gone meanwhile. */
    return rc < 0 ? rc : rc | tenon_policy_source_set(s, "git.fetchbycommit", "true");
}
