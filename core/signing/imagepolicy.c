/* signing/imagepolicy.c - see imagepolicy.h. */
#include "signing/imagepolicy.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/json.h"
#include "image/image.h"
#include "tools/alloc.h"
#include "tools/ascii.h"
#include "tools/parse.h"

#define POLICY_MAX ((size_t)1 << 20)
#define FILES_MAX ((size_t)4 << 20)
#define PORT ":443"

TENON_DEFINE_AUTO_STRUCT(reference, struct tenon_reference, tenon_reference_release);
#define auto_reference __attribute__((cleanup(tenon_auto_reference)))

struct tenon_image_policy {
    TENON_VEC(struct tenon_image_rule) rules;
    char *directory; /* of its file, with a slash, or "" */
};

static void
release_rule(struct tenon_image_rule *r)
{
    tenon_strv_free(r->names);
    tenon_vec_foreach(s, &r->signers) {
        free(s->label);
        tenon_public_key_free(s->key);
        tenon_authorities_free(s->authorities);
        free(s->subject);
        free(s->issuer);
    }
    tenon_vec_release(&r->signers);
    tenon_vec_foreach(w, &r->attestations) {
        free(w->predicate);
        free(w->builder);
    }
    tenon_vec_release(&r->attestations);
}

void
tenon_image_policy_free(struct tenon_image_policy *p)
{
    if (!p)
        return;
    tenon_vec_foreach(r, &p->rules)
        release_rule(r);
    tenon_vec_release(&p->rules);
    free(p->directory);
    free(p);
}

/* ---- JSON -------------------------------------------------------------------------- */

/* An object with members of these names alone. */
static int
only(struct json_object *o, const char *const *names, struct tenon_error *err)
{
    if (!json_object_is_type(o, json_type_object))
        return tenon_error_set(err, TENON_E_INVALID, "not an object");
    json_object_object_foreach(o, key, value) {
        size_t i = 0;
        while (names[i] && strcmp(names[i], key))
            i++;
        if (!names[i]) {
            auto_free char *meant = tenon_meant(key, names);
            return tenon_error_set(err, TENON_E_INVALID, "unknown member \"%s\"%s", key, meant);
        }
        if (!value)
            return tenon_error_set(err, TENON_E_INVALID, "\"%s\" is null", key);
    }
    return 0;
}

static size_t
members_of(struct json_object *o)
{
    size_t count = 0;
    if (json_object_is_type(o, json_type_array))
        for (size_t i = 0; i < json_object_array_length(o); i++)
            count += members_of(json_object_array_get_idx(o, i));
    if (!json_object_is_type(o, json_type_object))
        return count;
    json_object_object_foreach(o, key, value) {
        (void)key;
        count += 1 + members_of(value);
    }
    return count;
}

/* Of a member that is there twice the parser keeps the last, and other readers the first. Each
 * has one colon, so the text has as many as there are members. */
static int
check_twice(const struct tenon_buf *text, struct json_object *o, struct tenon_error *err)
{
    size_t colons = 0;
    bool quoted = false;
    for (size_t i = 0; i < text->len; i++) {
        if (quoted && text->data[i] == '\\')
            i++;
        else if (text->data[i] == '"')
            quoted = !quoted;
        else
            colons += !quoted && text->data[i] == ':';
    }
    return colons == members_of(o) ? 0 : tenon_error_set(err, TENON_E_INVALID, "a member is there "
                                                         "twice");
}

static int
text_of(struct json_object *o, const char *key, char **out, struct tenon_error *err)
{
    const char *text = NULL;
    if (tenon_json_get_str(o, key, NULL, &text, err) < 0)
        return err->code;
    if (text && !*text)
        return tenon_error_set(err, TENON_E_INVALID, "\"%s\" is empty", key);
    *out = tenon_strdup(text);
    return 0;
}

/* For each of a list, with its place in messages. */
static int
each(struct json_object *o, const char *key,
     int (*take)(struct tenon_image_policy *p, struct tenon_image_rule *r, struct json_object *one,
                 struct tenon_error *err),
     struct tenon_image_policy *p, struct tenon_image_rule *r, struct tenon_error *err)
{
    struct json_object *list = NULL;
    if (tenon_json_get_array(o, key, &list, err) < 0)
        return err->code;
    for (size_t i = 0; list && i < json_object_array_length(list); i++)
        if (take(p, r, json_object_array_get_idx(list, i), err) < 0)
            return tenon_error_context(err, "%s[%zu]", key, i);
    return 0;
}

/* ---- files that it names ----------------------------------------------------------- */

static int
read_file(const char *path, size_t limit, struct tenon_buf *out, struct tenon_error *err)
{
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return tenon_error_sys(err, "open \"%s\"", path);
    return tenon_read_all(fd, limit, out, err) < 0 ? tenon_error_context(err, "%s", path) : 0;
}

static int
read_beside(const struct tenon_image_policy *p, const char *name, struct tenon_buf *out,
            struct tenon_error *err)
{
    auto_free char *path = *name == '/' ? tenon_strdup(name)
                                        : tenon_asprintf("%s%s", p->directory, name);
    return read_file(path, FILES_MAX, out, err);
}

/* ---- rules ------------------------------------------------------------------------- */

/* Registries have one name in small letters, and 443 is their port anyway. */
static char *
domain_of(const struct tenon_reference *ref)
{
    char *domain = tenon_lower(tenon_strdup(ref->domain));
    const size_t len = strlen(domain), port = strlen(PORT);
    if (len > port && !strcmp(domain + len - port, PORT) && strchr(domain, '.'))
        domain[len - port] = '\0';
    return domain;
}

/* Does the text itself say a tag?  A reference without one is taken for "latest". */
static bool
says_tag(const char *name)
{
    const char *slash = strrchr(name, '/'), *at = strchr(name, '@');
    const char *colon = strchr(slash ? slash : name, ':');
    return colon && (!at || colon < at);
}

int
tenon_image_name_split(const char *name, char **repository, char **tag, struct tenon_error *err)
{
    auto_reference struct tenon_reference ref = {0};
    if (tenon_reference_parse(name, &ref, err) < 0)
        return err->code;
    auto_free char *domain = domain_of(&ref);
    *repository = tenon_asprintf("%s/%s", domain, ref.path);
    *tag = says_tag(name) ? tenon_strdup(ref.tag) : NULL;
    return 0;
}

/* What no image can be called would leave its rule to another, or to none. With a star the
 * registry alone can be held to that, if there is none in it. */
static int
check_pattern(const char *pattern, struct tenon_error *err)
{
    auto_error struct tenon_error why = TENON_ERROR_INIT;
    auto_free char *repository = NULL, *tag = NULL;
    const size_t domain = strcspn(pattern, "/"), whole = strcspn(pattern, "*");
    const bool has_star = pattern[whole] == '*';
    for (size_t i = 0; i < domain; i++)
        if (pattern[i] >= 'A' && pattern[i] <= 'Z')
            return tenon_error_set(err, TENON_E_INVALID, "\"%s\": registries are named in small "
                                   "letters", pattern);
    if (has_star && whole <= domain)
        return 0;
    auto_free char *name = has_star ? tenon_asprintf("%.*s/a/b", (int)domain, pattern)
                                    : tenon_strdup(pattern);
    if (tenon_image_name_split(name, &repository, &tag, &why) < 0)
        return tenon_error_set(err, TENON_E_INVALID, "\"%s\" is no name of images: %s", pattern,
                               why.message);
    auto_free char *normal = tag ? tenon_asprintf("%s:%s", repository, tag)
                                 : tenon_strdup(repository);
    if (!strcmp(normal, name))
        return 0;
    tenon_error_set(err, TENON_E_INVALID, "\"%s\" is no whole name", pattern);
    normal[strlen(normal) - (has_star ? strlen("/a/b") : 0)] = '\0';
    return tenon_error_hint(err, "%s%s", normal, has_star ? pattern + domain : "");
}

static int
take_name(struct tenon_image_policy *p, struct tenon_image_rule *r, struct json_object *o,
          struct tenon_error *err)
{
    (void)p;
    const char *name = json_object_is_type(o, json_type_string) ? json_object_get_string(o) : "";
    if (!*name)
        return tenon_error_set(err, TENON_E_INVALID, "not a name");
    if (check_pattern(name, err) < 0)
        return err->code;
    tenon_strv_push(&r->names, tenon_strdup(name));
    return 0;
}

static int
take_signer(struct tenon_image_policy *p, struct tenon_image_rule *r, struct json_object *o,
            struct tenon_error *err)
{
    static const char *const names[] = { "key", "authorities", "subject", "issuer", NULL };
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    const char *key = NULL, *authorities = NULL;
    if (only(o, names, err) < 0 || tenon_json_get_str(o, "key", NULL, &key, err) < 0 ||
        tenon_json_get_str(o, "authorities", NULL, &authorities, err) < 0)
        return err->code;
    if (!key == !authorities)
        return tenon_error_set(err, TENON_E_INVALID, "either \"key\" or \"authorities\"");
    struct tenon_signer *s = tenon_vec_add(&r->signers); /* what is in it goes with the rule */
    s->label = tenon_strdup(key ? key : authorities);
    if (text_of(o, "subject", &s->subject, err) < 0 || text_of(o, "issuer", &s->issuer, err) < 0 ||
        read_beside(p, s->label, &text, err) < 0)
        return err->code;
    if (key && (s->subject || s->issuer))
        return tenon_error_set(err, TENON_E_INVALID, "a key has no subject and no issuer");
    /* An authority for servers, or of a whole company, has many certificates. */
    if (authorities && !s->subject)
        return tenon_error_set(err, TENON_E_INVALID, "authorities without the \"subject\" that "
                               "they have to stand for (\"*\" is anybody)");
    const int rc = key ? tenon_public_key_parse(tenon_buf_str(&text), text.len, &s->key, err)
                       : tenon_authorities_parse(tenon_buf_str(&text), text.len, &s->authorities,
                                                 err);
    return rc < 0 ? tenon_error_context(err, "%s", s->label) : 0;
}

static int
take_wanted(struct tenon_image_policy *p, struct tenon_image_rule *r, struct json_object *o,
            struct tenon_error *err)
{
    static const char *const names[] = { "predicate", "builder", NULL };
    (void)p;
    if (only(o, names, err) < 0)
        return err->code;
    struct tenon_wanted *w = tenon_vec_add(&r->attestations);
    if (text_of(o, "predicate", &w->predicate, err) < 0 ||
        text_of(o, "builder", &w->builder, err) < 0)
        return err->code;
    return w->predicate ? 0 : tenon_error_set(err, TENON_E_INVALID, "no \"predicate\"");
}

static int
take_identity(struct tenon_image_rule *r, struct json_object *o, struct tenon_error *err)
{
    static const char *const words[] = {
        [TENON_IDENTITY_REPOSITORY] = "repository", [TENON_IDENTITY_TAG] = "tag",
        [TENON_IDENTITY_NONE] = "none", NULL,
    };
    const char *word;
    if (tenon_json_get_str(o, "identity", "repository", &word, err) < 0)
        return err->code;
    for (size_t i = 0; words[i]; i++) {
        if (strcmp(words[i], word))
            continue;
        r->identity = (enum tenon_identity)i;
        return 0;
    }
    return tenon_error_set(err, TENON_E_INVALID, "\"identity\" is repository, tag or none");
}

static int
take_rule(struct tenon_image_policy *p, struct tenon_image_rule *unused, struct json_object *o,
          struct tenon_error *err)
{
    static const char *const names[] = { "names", "signers", "threshold", "identity",
                                         "attestations", NULL };
    struct tenon_image_rule *r = tenon_vec_add(&p->rules);
    int64_t threshold;
    (void)unused;
    if (only(o, names, err) < 0 || take_identity(r, o, err) < 0 ||
        tenon_json_get_int(o, "threshold", 1, &threshold, err) < 0 ||
        each(o, "names", take_name, p, r, err) < 0 ||
        each(o, "signers", take_signer, p, r, err) < 0 ||
        each(o, "attestations", take_wanted, p, r, err) < 0)
        return err->code;
    if (!r->names)
        return tenon_error_set(err, TENON_E_INVALID, "no \"names\"");
    if (!r->signers.len)
        return tenon_error_set(err, TENON_E_INVALID, "no \"signers\"");
    /* One key stands for one signer, however often it is there. */
    if (threshold < 1 || (uint64_t)threshold > r->signers.len)
        return tenon_error_set(err, TENON_E_INVALID, "\"threshold\" is at least 1, and at most "
                               "the number of signers");
    r->threshold = (size_t)threshold;
    return 0;
}

int
tenon_image_policy_load(const char *path, struct tenon_image_policy **out, struct tenon_error *err)
{
    static const char *const names[] = { "images", NULL };
    auto_image_policy struct tenon_image_policy *p = tenon_new0(struct tenon_image_policy);
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    auto_json struct json_object *o = NULL;
    const char *slash = strrchr(path, '/');
    p->directory = slash ? tenon_strndup(path, (size_t)(slash - path) + 1) : tenon_strdup("");
    if (read_file(path, POLICY_MAX, &text, err) < 0)
        return err->code;
    if (tenon_json_parse(tenon_buf_str(&text), text.len, POLICY_MAX, &o, err) < 0 ||
        check_twice(&text, o, err) < 0 || only(o, names, err) < 0 ||
        each(o, "images", take_rule, p, NULL, err) < 0)
        return tenon_error_context(err, "%s", path);
    *out = tenon_steal(&p);
    return 0;
}

const struct tenon_image_rule *
tenon_image_policy_find(const struct tenon_image_policy *p, const char *repository,
                        const char *tag)
{
    auto_free char *whole = tag ? tenon_asprintf("%s:%s", repository, tag) : NULL;
    tenon_vec_foreach(r, &p->rules)
        for (char **name = r->names; *name; name++)
            if (tenon_text_fits(*name, repository) || (whole && tenon_text_fits(*name, whole)))
                return r;
    return NULL;
}
