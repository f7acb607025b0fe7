/* language/mounts.c - the values of RUN --mount and RUN --device.
 *
 * A mount is read twice: when the file is parsed only "from" is judged, which
 * must not have variables, as it decides which stages are built; the rest when
 * the step's variables are known. */
#include <string.h>
#include <strings.h>

#include "tools/parse.h"
#include "language.h"

static const char *const type_names[] = {
    [DF_MOUNT_BIND] = "bind",     [DF_MOUNT_CACHE] = "cache",
    [DF_MOUNT_TMPFS] = "tmpfs",   [DF_MOUNT_SECRET] = "secret",
    [DF_MOUNT_SSH] = "ssh",       [DF_MOUNT_OTHER] = NULL,
};
static const char *const sharing_names[] = {"shared", "private", "locked", NULL};

/* One mount while it is read. */
struct reader {
    struct df_arena *arena;
    struct df_mount m;
    bool read_only_given;
    const char *error;
};

static const char *
with_suggestion(struct df_arena *a, const char *message, const char *word,
                const char *const *options)
{
    const char *near = df_suggest(a, word, options, true);
    return df_arena_printf(a, "%s%s", message, df_did_you_mean(a, "", near));
}

const char *
df_mount_type_unknown(struct df_arena *a, const char *type)
{
    return with_suggestion(
        a, df_arena_printf(a, "unsupported mount type %s", df_quote(a, type)),
        type, type_names);
}

static bool
fail(struct reader *r, const char *message)
{
    r->error = message;
    return false;
}

static bool
unexpected_for_type(struct reader *r, const char *key)
{
    return fail(r, df_arena_printf(r->arena,
                                   "unexpected key '%s' for mount type '%s'",
                                   key, r->m.type_name));
}

static bool
invalid_value(struct reader *r, const char *key, const char *value)
{
    return fail(r, df_arena_printf(r->arena, "invalid value for %s: %s", key,
                                   value));
}

static bool
parse_id(struct reader *r, const char *key, const char *value, unsigned base,
         int64_t *out)
{
    uint64_t n = 0, most = base == 8 ? 07777 : UINT32_MAX - 1; /* the last id means "as it is" */
    const char *p = value;
    for (; *p >= '0' && *p < (char)('0' + base) && n <= UINT32_MAX; p++)
        n = n * base + (uint64_t)(*p - '0');
    if (p == value || *p || n > most)
        return fail(r, df_arena_printf(r->arena, "invalid value %s for %s",
                                       value, key));
    *out = (int64_t)n;
    return true;
}

static bool
set_type(struct reader *r, const char *value)
{
    r->m.type_name = df_lower(r->arena, value);
    r->m.type = DF_MOUNT_OTHER;
    for (size_t i = 0; type_names[i]; i++) {
        if (strcmp(type_names[i], r->m.type_name) == 0)
            r->m.type = (enum df_mount_type)i;
    }
    return true;
}

static bool
set_sharing(struct reader *r, const char *value)
{
    const char *lower = df_lower(r->arena, value);
    for (int i = 0; sharing_names[i]; i++) {
        if (strcmp(lower, sharing_names[i]) == 0) {
            r->m.sharing = (enum df_sharing)(DF_SHARING_SHARED + i);
            return true;
        }
    }
    return fail(r, with_suggestion(
                       r->arena,
                       df_arena_printf(r->arena, "unsupported sharing value %s",
                                       df_quote(r->arena, value)),
                       value, sharing_names));
}

static bool
can_be_required(const struct reader *r)
{
    return r->m.type == DF_MOUNT_SECRET || r->m.type == DF_MOUNT_SSH;
}

static bool
is(const char *key, const char *a, const char *b, const char *c)
{
    return strcmp(key, a) == 0 || (b && strcmp(key, b) == 0) ||
           (c && strcmp(key, c) == 0);
}

/* "key" without a value. */
static bool
set_bare(struct reader *r, const char *key, const char *field)
{
    if (is(key, "readonly", "ro", NULL)) {
        r->m.read_only = r->read_only_given = true;
    } else if (is(key, "readwrite", "rw", NULL)) {
        r->m.read_only = false;
        r->read_only_given = true;
    } else if (is(key, "required", NULL, NULL)) {
        if (!can_be_required(r))
            return unexpected_for_type(r, key);
        r->m.required = true;
    } else {
        return fail(r, df_arena_printf(
                           r->arena, "invalid field '%s' must be a key=value pair",
                           field));
    }
    return true;
}

static bool
set_key(struct reader *r, const char *key, const char *value, const char *field)
{
    static const char *const all[] = {
        "type", "from", "source", "target", "readonly", "id", "sharing",
        "required", "size", "mode", "uid", "gid", "src", "dst", "destination",
        "ro", "rw", "readwrite", "env", NULL};
    struct df_mount *m = &r->m;
    bool yes;

    if (is(key, "type", NULL, NULL))
        return set_type(r, value);
    if (is(key, "from", NULL, NULL)) {
        m->from = value;
    } else if (is(key, "source", "src", NULL)) {
        m->source = value;
    } else if (is(key, "target", "dst", "destination")) {
        m->target = value;
    } else if (is(key, "readonly", "ro", NULL) || is(key, "readwrite", "rw", NULL)) {
        if (!tenon_parse_bool(value, &yes))
            return invalid_value(r, key, value);
        m->read_only = is(key, "readonly", "ro", NULL) ? yes : !yes;
        r->read_only_given = true;
    } else if (is(key, "required", NULL, NULL)) {
        if (!can_be_required(r))
            return unexpected_for_type(r, key);
        if (!tenon_parse_bool(value, &m->required))
            return invalid_value(r, key, value);
    } else if (is(key, "size", NULL, NULL)) {
        if (m->type != DF_MOUNT_TMPFS)
            return unexpected_for_type(r, key);
        if (!tenon_parse_size(value, &m->size_bytes))
            return invalid_value(r, key, value);
    } else if (is(key, "id", NULL, NULL)) {
        m->id = value;
    } else if (is(key, "sharing", NULL, NULL)) {
        return set_sharing(r, value);
    } else if (is(key, "mode", NULL, NULL)) {
        return parse_id(r, key, value, 8, &m->mode);
    } else if (is(key, "uid", NULL, NULL)) {
        return parse_id(r, key, value, 10, &m->uid);
    } else if (is(key, "gid", NULL, NULL)) {
        return parse_id(r, key, value, 10, &m->gid);
    } else if (is(key, "env", NULL, NULL)) {
        m->env = value;
    } else {
        return fail(r, with_suggestion(
                           r->arena,
                           df_arena_printf(r->arena, "unexpected key '%s' in '%s'",
                                           key, field),
                           key, all));
    }
    return true;
}

/* What the keys mean together. */
static bool
check_mount(struct reader *r)
{
    struct df_mount *m = &r->m;
    const struct {
        const char *name;
        int64_t value;
    } ids[] = {{"mode", m->mode}, {"uid", m->uid}, {"gid", m->gid}};

    if (m->type == DF_MOUNT_BIND || m->type == DF_MOUNT_TMPFS) {
        for (size_t i = 0; i < 3; i++) {
            if (ids[i].value >= 0)
                return fail(r, df_arena_printf(
                                   r->arena, "%s not allowed for \"%s\" type mounts",
                                   ids[i].name, m->type_name));
        }
    }
    if (!r->read_only_given)
        m->read_only = m->type != DF_MOUNT_CACHE && m->type != DF_MOUNT_TMPFS;
    if (m->type == DF_MOUNT_SECRET) {
        if (*m->from)
            return fail(r, "secret mount should not have a from");
        if (m->sharing != DF_SHARING_DEFAULT)
            return fail(r, "secret mount should not define sharing");
        if (!*m->source && !*m->target && !*m->id)
            return fail(r, "invalid secret mount. one of source, target required");
        if (*m->source && *m->id)
            return fail(r, "both source and id can't be set");
    }
    if (m->sharing != DF_SHARING_DEFAULT && m->type != DF_MOUNT_CACHE)
        return fail(r, df_arena_printf(r->arena,
                                       "invalid cache sharing set for %s mount",
                                       m->type_name));
    return true;
}

/* Expand the values of the fields into m.keys; those of a type nobody here
 * knows stay as they are otherwise. */
static bool
read_keys(struct reader *r, char *const *fields, size_t count,
          const struct df_expander *e)
{
    struct df_pair *pairs = df_arena_array(r->arena, count, sizeof *pairs);
    for (size_t i = 0; i < count; i++) {
        const char *eq = strchr(fields[i], '=');
        size_t len = eq ? (size_t)(eq - fields[i]) : strlen(fields[i]);
        pairs[i].word = df_arena_strndup(r->arena, fields[i], len);
        pairs[i].key = df_lower(r->arena, pairs[i].word);
        if (!eq)
            continue;
        pairs[i].value =
            e->expand(e->data, eq + 1, &r->error);
        if (!pairs[i].value)
            return false;
        pairs[i].value = df_arena_strdup(r->arena, pairs[i].value);
    }
    r->m.keys = (struct df_pairs){pairs, count};
    return true;
}

static bool
read_mount(struct reader *r, const char *text, const struct df_expander *e)
{
    size_t count = 0;
    const char *why = NULL;
    char **fields = df_csv_fields(r->arena, text, &count, &why);
    if (!fields)
        return fail(r, df_arena_printf(r->arena, "failed to parse csv mounts: %s", why));
    if (!read_keys(r, fields, count, e))
        return false;

    bool foreign = false;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(r->m.keys.items[i].key, "type") == 0 && r->m.keys.items[i].value)
            set_type(r, r->m.keys.items[i].value);
    }
    foreign = r->m.type == DF_MOUNT_OTHER;
    const char *last_type = r->m.type_name;
    set_type(r, "bind"); /* keys are judged by the type given before them */
    for (size_t i = 0; i < count; i++) {
        struct df_pair pair = r->m.keys.items[i];
        if (foreign) {
            /* The plugin of the type judges; what everybody shares is read. */
            if (pair.value && is(pair.key, "target", "dst", "destination"))
                r->m.target = pair.value;
            else if (pair.value && is(pair.key, "source", "src", NULL))
                r->m.source = pair.value;
            else if (pair.value && is(pair.key, "from", "id", NULL))
                *(strcmp(pair.key, "id") == 0 ? &r->m.id : &r->m.from) = pair.value;
            continue;
        }
        if (pair.value ? !set_key(r, pair.key, pair.value, fields[i]) :
                         !set_bare(r, pair.key, fields[i]))
            return false;
    }
    if (foreign) {
        r->m.type = DF_MOUNT_OTHER;
        r->m.type_name = last_type;
        return true;
    }
    return check_mount(r);
}

const char *
df_mount_precheck(struct df_arena *a, const char *text)
{
    size_t count = 0;
    const char *why = NULL;
    char **fields = df_csv_fields(a, text, &count, &why);
    if (!fields)
        return df_arena_printf(a, "failed to parse csv mounts: %s", why);
    for (size_t i = 0; i < count; i++) {
        const char *eq = strchr(fields[i], '=');
        if (!eq || strncasecmp(fields[i], "from=", 5) != 0)
            continue;
        const char *dollar = strchr(eq + 1, '$');
        if (dollar && dollar[1])
            return "'from' doesn't support variable expansion, define alias "
                   "stage instead";
    }
    return NULL;
}

bool
df_run_mounts(struct df_arena *a, const struct df_command *run,
              const struct df_expander *expander, struct df_mount **out,
              size_t *count, struct df_problems *problems)
{
    size_t n = run->run.mount_texts.len;
    struct df_mount *mounts = df_arena_array(a, n, sizeof *mounts);

    for (size_t i = 0; i < n; i++) {
        const char *text = run->run.mount_texts.items[i];
        struct reader r = {
            .arena = a,
            .m = {.type_name = "bind", .from = "", .source = "", .target = "",
                  .id = "", .mode = -1, .uid = -1, .gid = -1},
        };
        if (!expander)
            r.error = df_mount_precheck(a, text);
        else if (!read_mount(&r, text, expander) && !r.error)
            r.error = "a mount cannot be read";
        if (r.error) {
            df_problem_add(a, problems, run->lines, "%s", r.error);
            return false;
        }
        mounts[i] = r.m;
    }
    *out = mounts;
    *count = n;
    return true;
}

bool
df_device_parse(struct df_arena *a, const char *text, struct df_device *out,
                const char **message)
{
    static const char *const all[] = {"name", "required", NULL};
    struct df_device d = {.name = ""};
    size_t count = 0;
    const char *why = NULL;
    char **fields = df_csv_fields(a, text, &count, &why);
    if (!fields) {
        *message = df_arena_printf(a, "failed to parse csv devices: %s", why);
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        const char *field = fields[i], *eq = strchr(field, '=');
        const char *value = eq ? eq + 1 : NULL;
        const char *key = df_lower(
            a, df_arena_strndup(a, field, eq ? (size_t)(eq - field) : strlen(field)));
        if (strcmp(key, "required") == 0) {
            if (!value) {
                d.required = true;
            } else if (!tenon_parse_bool(value, &d.required)) {
                *message = df_arena_printf(a, "invalid value for %s: %s", key, value);
                return false;
            }
        } else if (value && strcmp(key, "name") == 0) {
            if (*d.name) {
                *message = df_arena_printf(a, "device name already set to %s", d.name);
                return false;
            }
            d.name = value;
        } else if (!*d.name) {
            d.name = field;
        } else if (!value) {
            *message = df_arena_printf(
                a, "invalid field '%s' must be a key=value pair", field);
            return false;
        } else {
            *message = with_suggestion(
                a, df_arena_printf(a, "unexpected key '%s' in '%s'", key, field), key,
                all);
            return false;
        }
    }
    *out = d;
    return true;
}
