/* language/healthcheck.c - HEALTHCHECK and its durations. */
#include <limits.h>
#include <string.h>

#include "tools/parse.h"
#include "commands.h"
#include "language.h"

enum { INTERVAL, TIMEOUT, START_PERIOD, START_INTERVAL, RETRIES, FLAGS };

/* What Go's time.ParseDuration says of a text that is not a duration. */
static const char *
duration_error(struct df_arena *a, const char *text)
{
    static const char *const units[] = {"ns", "us", "\xc2\xb5s", "\xce\xbcs",
                                        "ms", "s", "m", "h", NULL};
    const char *q = df_quote(a, text), *p = text;
    if (*p == '-' || *p == '+')
        p++;
    while (*p) {
        const char *start = p;
        size_t whole = strspn(p, "0123456789");
        p += whole;
        size_t part = 0;
        if (*p == '.') {
            p++;
            part = strspn(p, "0123456789");
            p += part;
        }
        if (p == start || whole + part == 0)
            break;
        size_t len = strcspn(p, ".0123456789");
        if (len == 0)
            return df_arena_printf(a, "time: missing unit in duration %s", q);
        const char *unit = df_arena_strndup(a, p, len);
        bool known = false;
        for (size_t i = 0; units[i]; i++)
            known = known || strcmp(unit, units[i]) == 0;
        if (!known)
            return df_arena_printf(a, "time: unknown unit %s in duration %s",
                                   df_quote(a, unit), q);
        p += len;
    }
    return df_arena_printf(a, "time: invalid duration %s", q);
}

static const char *
duration(struct df_arena *a, const struct df_flag *f, int64_t *ns)
{
    *ns = 0;
    if (!*f->value)
        return NULL;
    if (!tenon_parse_duration(f->value, ns))
        return duration_error(a, f->value);
    if (*ns != 0 && *ns < 1000000)
        return df_arena_printf(a, "Interval \"%s\" cannot be less than 1ms",
                               f->name);
    return NULL;
}

static const char *
retries(struct df_arena *a, const char *text, int *out)
{
    if (!*text)
        return NULL;
    const char *digits = text + (*text == '-' || *text == '+');
    size_t len = strlen(digits);
    if (len == 0 || strspn(digits, "0123456789") != len)
        return df_arena_printf(a, "strconv.ParseInt: parsing %s: invalid syntax",
                               df_quote(a, text));
    int64_t n = 0;
    for (; *digits && n <= INT_MAX; digits++)
        n = n * 10 + (*digits - '0');
    if (n > INT_MAX + (int64_t)(*text == '-'))
        return df_arena_printf(
            a, "strconv.ParseInt: parsing %s: value out of range",
            df_quote(a, text));
    if (*text == '-' && n > 0)
        return df_arena_printf(a, "--retries cannot be negative (-%lld)",
                               (long long)n);
    *out = (int)n;
    return NULL;
}

const char *
df_parse_health(const struct df_request *r, struct df_command *out)
{
    struct df_arena *a = r->arena;
    const struct df_node *n = r->node;
    struct df_healthcheck h = {0};
    struct df_list test = {0};
    struct df_flag flags[FLAGS] = {
        [INTERVAL] = {"interval", DF_FLAG_STRING, "", {0}, false},
        [TIMEOUT] = {"timeout", DF_FLAG_STRING, "", {0}, false},
        [START_PERIOD] = {"start-period", DF_FLAG_STRING, "", {0}, false},
        [START_INTERVAL] = {"start-interval", DF_FLAG_STRING, "", {0}, false},
        [RETRIES] = {"retries", DF_FLAG_STRING, "", {0}, false},
    };
    const char *error;

    if (n->args_len == 0)
        return "HEALTHCHECK requires at least one argument";
    char *type = df_upper(a, n->args[0]);
    if (strcmp(type, "NONE") == 0) {
        if (n->args_len > 1)
            return "HEALTHCHECK NONE takes no arguments";
        df_list_add(a, &test, type);
    } else {
        if ((error = df_flags_parse(a, n, flags, FLAGS)) != NULL)
            return error;
        if (strcmp(type, "CMD") != 0)
            return df_arena_printf(
                a, "Unknown type %s in HEALTHCHECK (try CMD)", df_quote(a, type));
        if (n->args_len < 2)
            return "Missing command after HEALTHCHECK CMD";
        df_list_add(a, &test, n->json ? type : df_arena_strdup(a, "CMD-SHELL"));
        for (size_t i = 1; i < n->args_len; i++)
            df_list_add(a, &test, n->args[i]);
        if ((error = duration(a, &flags[INTERVAL], &h.interval_ns)) ||
            (error = duration(a, &flags[TIMEOUT], &h.timeout_ns)) ||
            (error = duration(a, &flags[START_PERIOD], &h.start_period_ns)) ||
            (error = duration(a, &flags[START_INTERVAL], &h.start_interval_ns)) ||
            (error = retries(a, flags[RETRIES].value, &h.retries)))
            return error;
    }
    h.test = (struct df_strings){test.items, test.len};
    out->health = h;
    return NULL;
}
