/* base/yaml.c - YAML as JSON, by the events of libyaml. */
#include "base/yaml.h"

#ifdef HAVE_YAML

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "tools/alloc.h"
#include "tools/cleanup.h"

enum { DEPTH_MAX = 32, VALUES_MAX = 1000000 };

struct reader {
    yaml_parser_t parser;
    yaml_event_t event; /* the one that was read last */
    bool has_event;
    size_t values;
    struct tenon_error *err;
};

static int
fail(struct reader *r, const char *what)
{
    const size_t line = r->has_event ? r->event.start_mark.line : r->parser.problem_mark.line;

    return tenon_error_set(r->err, TENON_E_INVALID, "line %zu: %s", line + 1, what);
}

static int
next(struct reader *r)
{
    if (r->has_event)
        yaml_event_delete(&r->event);
    r->has_event = yaml_parser_parse(&r->parser, &r->event);
    return r->has_event ? 0 : fail(r, r->parser.problem ? r->parser.problem : "it is no YAML");
}

/* ---- scalars ------------------------------------------------------------- */

static bool
is_word(const char *s, const char *const *words)
{
    for (; *words; words++)
        if (!strcmp(s, *words))
            return true;
    return false;
}

/* Decimal, 0x.., 0o.. and, as YAML 1.1 has it, 0.. in octal. */
static bool
is_integer(const char *s, int64_t *out)
{
    const char *digits = s + (*s == '-' || *s == '+');
    int base = 10;
    char *end;

    if (digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'o')) {
        base = digits[1] == 'x' ? 16 : 8;
        digits += 2;
    } else if (digits[0] == '0' && digits[1]) {
        base = 8;
    }
    if (!*digits || strspn(digits, "0123456789abcdefABCDEF") != strlen(digits))
        return false;
    errno = 0;
    *out = strtoll(digits, &end, base);
    if (errno || *end)
        return false;
    *out = *s == '-' ? -*out : *out;
    return true;
}

/* What is in quotes is text; of plain words those of YAML's core schema are not. */
static struct json_object *
scalar(const yaml_event_t *e)
{
    static const char *const yes[] = {"true", "True", "TRUE", NULL};
    static const char *const no[] = {"false", "False", "FALSE", NULL};
    static const char *const none[] = {"", "~", "null", "Null", "NULL", NULL};
    const char *s = (const char *)e->data.scalar.value;
    int64_t n;

    if (!e->data.scalar.plain_implicit)
        return json_object_new_string_len(s, (int)e->data.scalar.length);
    if (is_word(s, none))
        return NULL;
    if (is_word(s, yes) || is_word(s, no))
        return json_object_new_boolean(is_word(s, yes));
    return is_integer(s, &n) ? json_object_new_int64(n)
                             : json_object_new_string_len(s, (int)e->data.scalar.length);
}

/* ---- all of it ----------------------------------------------------------- */

static int value(struct reader *r, unsigned depth, struct json_object **out);

static int
list(struct reader *r, unsigned depth, struct json_object **out)
{
    *out = json_object_new_array();
    for (;;) {
        struct json_object *one = NULL;
        if (next(r) < 0)
            return r->err->code;
        if (r->event.type == YAML_SEQUENCE_END_EVENT)
            return 0;
        const int rc = value(r, depth + 1, &one);
        json_object_array_add(*out, one);
        if (rc < 0)
            return rc;
    }
}

static int
map(struct reader *r, unsigned depth, struct json_object **out)
{
    *out = json_object_new_object();
    for (;;) {
        struct json_object *one = NULL;
        if (next(r) < 0)
            return r->err->code;
        if (r->event.type == YAML_MAPPING_END_EVENT)
            return 0;
        if (r->event.type != YAML_SCALAR_EVENT)
            return fail(r, "a key that is no text");
        auto_free char *key = tenon_strdup((const char *)r->event.data.scalar.value);
        if (json_object_object_get_ex(*out, key, NULL))
            return fail(r, "a key that is there already");
        if (next(r) < 0)
            return r->err->code;
        const int rc = value(r, depth + 1, &one);
        json_object_object_add(*out, key, one);
        if (rc < 0)
            return rc;
    }
}

static int
value(struct reader *r, unsigned depth, struct json_object **out)
{
    if (depth > DEPTH_MAX || ++r->values > VALUES_MAX)
        return fail(r, "too much in one another, or too many values");
    if (r->event.type == YAML_SEQUENCE_START_EVENT)
        return list(r, depth, out);
    if (r->event.type == YAML_MAPPING_START_EVENT)
        return map(r, depth, out);
    if (r->event.type != YAML_SCALAR_EVENT)
        return fail(r, "aliases are not read");
    *out = scalar(&r->event);
    return 0;
}

static int
document(struct reader *r, struct json_object **out)
{
    int rc = next(r); /* the stream's start */

    if (rc == 0)
        rc = next(r);
    if (rc == 0 && r->event.type != YAML_DOCUMENT_START_EVENT)
        return fail(r, "there is nothing in it");
    if (rc == 0)
        rc = next(r);
    return rc == 0 ? value(r, 0, out) : rc;
}

int
tenon_yaml_parse(const char *text, size_t len, struct json_object **out, struct tenon_error *err)
{
    struct reader r = {.err = err};
    struct json_object *o = NULL;

    if (!yaml_parser_initialize(&r.parser))
        return tenon_error_set(err, TENON_E_FAILED, "no memory for a reader of YAML");
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, len);
    if (document(&r, &o) < 0) {
        json_object_put(o);
        o = NULL;
    }
    if (r.has_event)
        yaml_event_delete(&r.event);
    yaml_parser_delete(&r.parser);
    *out = o;
    return err->code;
}

#else

int
tenon_yaml_parse(const char *text, size_t len, struct json_object **out, struct tenon_error *err)
{
    (void)text, (void)len, (void)out;
    return tenon_error_set(err, TENON_E_UNSUPPORTED,
                           "YAML is not read: tenon was built without libyaml");
}

#endif
