/* policy/policy.c - rules over sources: their document, what they match, what they do.
 *
 * Within a policy the last rule that allows or denies wins, but a rule that changes the source
 * ends the round there; then all policies are asked again about what it has become. */
#include "policy/policy.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "policy/repository.h"
#include "tools/alloc.h"
#include "tools/goregexp.h"
#include "tools/text.h"
#include "tools/vec.h"

enum { ROUNDS_MAX = 20, RULES_MAX = 100000, EXPRESSIONS_MAX = 1000000 };

enum action { ALLOW, DENY, CONVERT };
enum match { WILDCARD, EXACT, REGEX };
enum condition { EQUAL, NOTEQUAL, MATCHES };

/* An expression that does not compile fails the build where it is used, as in BuildKit. */
struct expression {
    struct tenon_goregexp *re; /* NULL: it could not be */
    char *why;
};

struct constraint {
    enum condition condition;
    char *key, *value;
    struct expression value_re; /* of MATCHES */
};

struct rule {
    enum action action;
    enum match match;
    char *identifier;
    struct expression identifier_re; /* but of EXACT */
    TENON_VEC(struct constraint) constraints;
    bool has_updates;
    char *new_identifier; /* "": the selector's */
    char **new_attrs;     /* "k=v" */
};

struct tenon_policy {
    TENON_VEC(struct rule) rules;
};

/* ---- sources -------------------------------------------------------------------- */

void
tenon_policy_source_release(struct tenon_policy_source *s)
{
    free(s->identifier);
    tenon_strv_free(s->attrs);
    *s = (struct tenon_policy_source){0};
}

static char **
find_attr(const struct tenon_policy_source *s, const char *key)
{
    const size_t len = strlen(key);
    for (char **a = s->attrs; a && *a; a++)
        if (!strncmp(*a, key, len) && (*a)[len] == '=')
            return a;
    return NULL;
}

const char *
tenon_policy_source_attr(const struct tenon_policy_source *s, const char *key)
{
    char **a = find_attr(s, key);
    return a ? *a + strlen(key) + 1 : NULL;
}

int
tenon_policy_source_set(struct tenon_policy_source *s, const char *key, const char *value)
{
    char **a = find_attr(s, key);
    if (a && !strcmp(*a + strlen(key) + 1, value))
        return 0;
    char *pair = tenon_asprintf("%s=%s", key, value);
    if (a) {
        free(*a);
        *a = pair;
    } else {
        tenon_strv_push(&s->attrs, pair);
    }
    return 1;
}

/* ---- documents ------------------------------------------------------------------ */

/* Go's decoder takes names of members in any case, and null as nothing. */
static struct json_object *
member(struct json_object *o, const char *name)
{
    struct json_object *found = NULL, *exact = NULL;
    json_object_object_foreach(o, key, value) {
        if (!strcasecmp(key, name))
            found = value;
        if (!strcmp(key, name))
            exact = value;
    }
    return exact ? exact : found;
}

static int
get_object(struct json_object *o, const char *name, struct json_object **out,
           struct tenon_error *err)
{
    *out = member(o, name);
    if (*out && !json_object_is_type(*out, json_type_object))
        return tenon_error_set(err, TENON_E_INVALID, "%s: expected object", name);
    return TENON_OK;
}

static int
get_array(struct json_object *o, const char *name, struct json_object **out,
          struct tenon_error *err)
{
    *out = member(o, name);
    if (*out && !json_object_is_type(*out, json_type_array))
        return tenon_error_set(err, TENON_E_INVALID, "%s: expected array", name);
    return TENON_OK;
}

static int
get_text(struct json_object *o, const char *name, char **out, struct tenon_error *err)
{
    struct json_object *value = member(o, name);
    if (value && !json_object_is_type(value, json_type_string))
        return tenon_error_set(err, TENON_E_INVALID, "%s: expected string", name);
    const char *text = value ? json_object_get_string(value) : "";
    if (value && strlen(text) != (size_t)json_object_get_string_len(value))
        return tenon_error_set(err, TENON_E_INVALID, "%s: NUL in a string", name);
    *out = tenon_strdup(text);
    return TENON_OK;
}

/* By name or by number; missing is 0. */
static int
get_word(struct json_object *o, const char *name, const char *const words[3], unsigned *out,
         struct tenon_error *err)
{
    struct json_object *value = member(o, name);
    *out = 0;
    if (!value)
        return TENON_OK;
    if (json_object_is_type(value, json_type_int)) {
        const int64_t number = json_object_get_int64(value);
        if (number >= 0 && number < 3) {
            *out = (unsigned)number;
            return TENON_OK;
        }
    } else if (json_object_is_type(value, json_type_string)) {
        for (*out = 0; *out < 3; (*out)++)
            if (!strcmp(json_object_get_string(value), words[*out]))
                return TENON_OK;
    }
    return tenon_error_set(err, TENON_E_INVALID, "%s: unknown type %s", name,
                           json_object_to_json_string(value));
}

/* Of a document's many small ones each may grow a thousandfold: size is that of all so far. */
static int
compile(struct expression *e, const char *text, size_t *size, struct tenon_error *err)
{
    const char *why = NULL;
    e->re = tenon_goregexp_compile(text, &why);
    if (!e->re)
        e->why = tenon_asprintf("error parsing regexp: %s: `%s`", why, text);
    else if ((*size += tenon_goregexp_size(e->re)) > EXPRESSIONS_MAX)
        return tenon_error_set(err, TENON_E_LIMIT, "the expressions of a policy are too large");
    return TENON_OK;
}

static int
compile_wildcard(struct expression *e, const char *text, size_t *size, struct tenon_error *err)
{
    auto_buf struct tenon_buf re = TENON_BUF_INIT;
    if (strstr(text, "**")) {
        e->why = tenon_asprintf("failed to translate wildcard \"%s\" to regexp: "
                                "invalid wildcard: \"**\"", text);
        return TENON_OK;
    }
    tenon_buf_adds(&re, "(?s)^"); /* a star is any character */
    for (const char *p = text; *p; p++) {
        if (*p == '*')
            tenon_buf_adds(&re, "(.*)");
        else if (strchr("\\.+?()|[]{}^$", *p))
            tenon_buf_addf(&re, "\\%c", *p);
        else
            tenon_buf_add(&re, p, 1);
    }
    tenon_buf_adds(&re, "$");
    return compile(e, tenon_buf_str(&re), size, err);
}

static int
read_constraint(struct json_object *o, struct constraint *c, size_t *size,
                struct tenon_error *err)
{
    static const char *const words[] = { "EQUAL", "NOTEQUAL", "MATCHES" };
    unsigned condition = 0;
    if (!o)
        return tenon_error_set(err, TENON_E_INVALID, "invalid nil constraint in policy");
    if (!json_object_is_type(o, json_type_object))
        return tenon_error_set(err, TENON_E_INVALID, "constraint: expected object");
    if (get_word(o, "condition", words, &condition, err) < 0 ||
        get_text(o, "key", &c->key, err) < 0 || get_text(o, "value", &c->value, err) < 0)
        return err->code;
    c->condition = (enum condition)condition;
    return c->condition == MATCHES ? compile(&c->value_re, c->value, size, err) : TENON_OK;
}

static int
read_selector(struct json_object *o, struct rule *r, size_t *size, struct tenon_error *err)
{
    static const char *const words[] = { "WILDCARD", "EXACT", "REGEX" };
    struct json_object *constraints;
    unsigned match = 0;
    if (get_text(o, "identifier", &r->identifier, err) < 0 ||
        get_word(o, "match_type", words, &match, err) < 0 ||
        get_array(o, "constraints", &constraints, err) < 0)
        return err->code;
    r->match = (enum match)match;
    if ((r->match == REGEX && compile(&r->identifier_re, r->identifier, size, err) < 0) ||
        (r->match == WILDCARD && compile_wildcard(&r->identifier_re, r->identifier, size, err) < 0))
        return err->code;
    for (size_t i = 0; constraints && i < json_object_array_length(constraints); i++)
        if (read_constraint(json_object_array_get_idx(constraints, i),
                            tenon_vec_add(&r->constraints), size, err) < 0)
            return err->code;
    return TENON_OK;
}

static int
read_updates(struct json_object *o, struct rule *r, struct tenon_error *err)
{
    struct json_object *attrs;
    r->has_updates = true;
    if (get_text(o, "identifier", &r->new_identifier, err) < 0 ||
        get_object(o, "attrs", &attrs, err) < 0)
        return err->code;
    if (!attrs)
        return TENON_OK;
    json_object_object_foreach(attrs, key, value) {
        auto_free char *text = NULL;
        if (value && !json_object_is_type(value, json_type_string))
            return tenon_error_set(err, TENON_E_INVALID, "attrs.%s: expected string", key);
        text = tenon_strdup(value ? json_object_get_string(value) : "");
        if (!*key || strchr(key, '='))
            return tenon_error_set(err, TENON_E_INVALID, "attrs: invalid name \"%s\"", key);
        tenon_strv_push(&r->new_attrs, tenon_asprintf("%s=%s", key, text));
    }
    return TENON_OK;
}

static int
read_rule(struct json_object *o, struct rule *r, size_t *size, struct tenon_error *err)
{
    static const char *const words[] = { "ALLOW", "DENY", "CONVERT" };
    struct json_object *selector, *updates;
    unsigned action = 0;
    if (!o)
        return tenon_error_set(err, TENON_E_INVALID, "invalid nil rule in policy");
    if (!json_object_is_type(o, json_type_object))
        return tenon_error_set(err, TENON_E_INVALID, "rule: expected object");
    if (get_word(o, "action", words, &action, err) < 0 ||
        get_object(o, "selector", &selector, err) < 0 ||
        get_object(o, "updates", &updates, err) < 0)
        return err->code;
    if (!selector)
        return tenon_error_set(err, TENON_E_INVALID, "invalid nil selector in policy");
    r->action = (enum action)action;
    if (read_selector(selector, r, size, err) < 0 ||
        (updates && read_updates(updates, r, err) < 0))
        return err->code;
    return TENON_OK;
}

int
tenon_policy_parse(const char *text, size_t len, struct tenon_policy **out,
                   struct tenon_error *err)
{
    auto_json struct json_object *o = NULL;
    struct json_object *rules = NULL;
    if (tenon_json_parse(text, len, TENON_POLICY_MAX, &o, err) < 0)
        return err->code;
    if (!json_object_is_type(o, json_type_object))
        return tenon_error_set(err, TENON_E_INVALID, "a policy is an object with rules");
    if (get_array(o, "rules", &rules, err) < 0)
        return err->code;
    const size_t count = rules ? json_object_array_length(rules) : 0;
    if (count > RULES_MAX)
        return tenon_error_set(err, TENON_E_LIMIT, "more than %d rules", RULES_MAX);
    struct tenon_policy *p = tenon_new0(struct tenon_policy);
    size_t size = 0;
    for (size_t i = 0; i < count; i++)
        if (read_rule(json_object_array_get_idx(rules, i), tenon_vec_add(&p->rules), &size,
                      err) < 0) {
            tenon_policy_free(p);
            return tenon_error_context(err, "rules[%zu]", i);
        }
    *out = p;
    return TENON_OK;
}

static void
expression_release(struct expression *e)
{
    tenon_goregexp_free(e->re);
    free(e->why);
}

void
tenon_policy_free(struct tenon_policy *p)
{
    if (!p)
        return;
    tenon_vec_foreach(r, &p->rules) {
        tenon_vec_foreach(c, &r->constraints) {
            expression_release(&c->value_re);
            free(c->key);
            free(c->value);
        }
        tenon_vec_release(&r->constraints);
        expression_release(&r->identifier_re);
        free(r->identifier);
        free(r->new_identifier);
        tenon_strv_free(r->new_attrs);
    }
    tenon_vec_release(&p->rules);
    free(p);
}

/* ---- matching ------------------------------------------------------------------- */

static int
check_expression(const struct expression *e, struct tenon_error *err)
{
    return e->re ? TENON_OK : tenon_error_set(err, TENON_E_INVALID, "%s", e->why);
}

/* An expression would not match a longer text, and a rule that denies pass it over. */
static int
check_length(const char *text, const char *what, struct tenon_error *err)
{
    return strlen(text) <= TENON_GOREGEXP_TEXT ? TENON_OK
        : tenon_error_set(err, TENON_E_LIMIT, "%s of more than %d bytes", what,
                          TENON_GOREGEXP_TEXT);
}

/* No name has control characters; rules are written for names that people can read. */
static int
check_identifier(const char *identifier, struct tenon_error *err)
{
    if (check_length(identifier, "an identifier", err) < 0)
        return err->code;
    for (const unsigned char *c = (const unsigned char *)identifier; *c; c++)
        if (*c < 0x20 || *c == 0x7f)
            return tenon_error_set(err, TENON_E_INVALID,
                                   "an identifier with a control character (0x%02x)", *c);
    return TENON_OK;
}

static int
holds(const struct constraint *c, const struct tenon_policy_source *s, struct tenon_error *err)
{
    const char *value = tenon_policy_source_attr(s, c->key);
    value = value ? value : "";
    switch (c->condition) {
    case EQUAL:
        return !strcmp(value, c->value);
    case NOTEQUAL:
        return strcmp(value, c->value) != 0;
    case MATCHES:
        break;
    }
    if (check_expression(&c->value_re, err) < 0)
        return tenon_error_context(err, "invalid regex \"%s\"", c->value);
    if (check_length(value, "an attribute", err) < 0)
        return tenon_error_context(err, "%s", c->key);
    return tenon_goregexp_match(c->value_re.re, value, 0, NULL);
}

static int
matches(const struct rule *r, const struct tenon_policy_source *s, struct tenon_error *err)
{
    if (check_identifier(s->identifier, err) < 0)
        return err->code;
    tenon_vec_foreach(c, &r->constraints) {
        int rc = holds(c, s, err);
        if (rc <= 0)
            return rc;
    }
    if (!strcmp(r->identifier, s->identifier))
        return 1;
    if (r->match == EXACT)
        return 0;
    if (check_expression(&r->identifier_re, err) < 0)
        return err->code;
    return tenon_goregexp_match(r->identifier_re.re, s->identifier, 0, NULL);
}

/* What the source is to be called, with what the selector's groups have matched. */
static int
format(const struct rule *r, const char *identifier, char **out, struct tenon_error *err)
{
    const char *wanted = *r->new_identifier ? r->new_identifier : r->identifier;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    struct tenon_goregexp_match m;
    if (r->match == EXACT) {
        *out = tenon_strdup(wanted);
        return TENON_OK;
    }
    if (check_expression(&r->identifier_re, err) < 0)
        return tenon_error_context(err, "error formatting destination");
    if (r->match == REGEX)
        tenon_goregexp_replace(r->identifier_re.re, identifier, wanted, TENON_GOREGEXP_TEXT, &text);
    else if (tenon_goregexp_match(r->identifier_re.re, identifier, 0, &m))
        tenon_goregexp_expand(r->identifier_re.re, wanted, identifier, &m, TENON_GOREGEXP_TEXT,
                              &text);
    else
        tenon_buf_adds(&text, identifier);
    if (check_length(tenon_buf_str(&text), "an identifier", err) < 0)
        return err->code;
    *out = tenon_strdup(tenon_buf_str(&text));
    return TENON_OK;
}

static int
convert(const struct rule *r, struct tenon_policy_source *s, struct tenon_error *err)
{
    int changed = 0;
    auto_free char *identifier = NULL;
    if (!r->has_updates)
        return tenon_error_set(err, TENON_E_INVALID, "missing destination for convert rule");
    if (format(r, s->identifier, &identifier, err) < 0)
        return err->code;
    if (*identifier && strcmp(identifier, s->identifier) != 0) {
        free(s->identifier);
        s->identifier = tenon_steal(&identifier);
        changed = 1;
    }
    for (char **a = r->new_attrs; a && *a; a++) {
        const char *eq = strchr(*a, '=');
        auto_free char *key = tenon_strndup(*a, (size_t)(eq - *a));
        /* One that is not there is as good as an empty one. */
        if (eq[1] || tenon_policy_source_attr(s, key))
            changed |= tenon_policy_source_set(s, key, eq + 1);
    }
    return changed;
}

/* One policy, up to the first rule that changes something. */
static int
apply(const struct tenon_policy *p, struct tenon_policy_source *s, struct tenon_error *err)
{
    bool denied = false;
    tenon_vec_foreach(r, &p->rules) {
        int rc = matches(r, s, err);
        if (rc < 0)
            return tenon_error_context(err, "error matching source policy");
        if (rc > 0 && r->action != CONVERT)
            denied = r->action == DENY;
        if (rc == 0 || r->action != CONVERT)
            continue;
        rc = convert(r, s, err);
        if (rc < 0)
            return tenon_error_context(err, "error mutating source policy");
        if (rc > 0)
            return rc;
    }
    return denied ? tenon_error_set(err, TENON_E_DENIED, "source \"%s\" denied by policy: source "
                                    "denied by policy", s->identifier) : 0;
}

static int
apply_all(const struct tenon_policy *const *list, size_t count, struct tenon_policy_source *s,
          struct tenon_error *err)
{
    for (size_t i = 0; i < count; i++) {
        int rc = apply(list[i], s, err);
        if (rc)
            return rc;
    }
    return 0;
}

/* Rules decide by names. In a definition that somebody else made a repository may be called like
 * one and fetched from another, as it also would after a conversion of the name alone. */
int
tenon_policy_check_repository(const struct tenon_policy_source *s, struct tenon_error *err)
{
    const char *url = tenon_policy_source_attr(s, "git.fullurl");
    if (!url || !*url || !tenon_has_prefix(s->identifier, "git://") ||
        tenon_repository_is_named(s->identifier, url))
        return TENON_OK;
    tenon_error_set(err, TENON_E_DENIED, "source \"%s\" denied by policy: it is fetched from "
                    "another repository, \"%s\"", s->identifier, url);
    return tenon_error_hint(err, "a rule that converts \"git://\" sets \"git.fullurl\", too");
}

int
tenon_policies_apply(const struct tenon_policy *const *list, size_t count,
                     struct tenon_policy_source *s, struct tenon_error *err)
{
    int changed = 0;
    for (int i = 0; i <= ROUNDS_MAX; i++) {
        int rc = apply_all(list, count, s, err);
        if (rc == 0 && count && tenon_policy_check_repository(s, err) < 0)
            return err->code;
        if (rc <= 0)
            return rc < 0 ? rc : changed;
        changed = 1;
    }
    return tenon_error_set(err, TENON_E_LIMIT, "too many mutations on a single source: too many "
                           "operations");
}
