/* kit/trialparts.c - what the groups of a trial share: results, a plugin that is open, options. */
#include <stdlib.h>
#include <string.h>
#include <dirent.h>
#include <inttypes.h>

#include "base/io.h"
#include "kit/private.h"
#include "tools/alloc.h"
#include "tools/buf.h"

/* ---- results ---- */

void
tenon_trial_record(struct tenon_trial *c, char what, const char *name, const char *text)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf b = TENON_BUF_INIT;
    tenon_buf_addc(&b, what);
    tenon_buf_add(&b, name, strlen(name) + 1);
    tenon_buf_add(&b, text, strlen(text) + 1);
    tenon_write_all(c->record_fd, b.data, b.len, &err);
}

void
tenon_trial_begin(struct tenon_trial *c, const char *name)
{
    tenon_trial_record(c, TENON_TRIAL_BEGUN, name, "");
}

void
tenon_trial_calls(struct tenon_trial *c)
{
    tenon_trial_record(c, TENON_TRIAL_CALLS, "", "");
}

bool
tenon_trial_that(struct tenon_trial *c, bool good,
                 enum tenon_trial_outcome otherwise, const char *name,
                 const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    auto_free char *text = tenon_vasprintf(fmt, ap);
    va_end(ap);
    tenon_trial_record(c, (char)(TENON_TRIAL_FIRST + (int)(good ? TENON_TRIAL_OK : otherwise)),
           name, good ? "" : text);
    return good;
}

/* ---- a plugin that is open ---- */

const char *const tenon_trial_hostile[] = {
    "",
    " ",
    "true",
    "-1",
    "99999999999999999999",
    "..",
    "../../../etc/passwd",
    "/",
    "/dev/zero",
    "a\nb",
    "::error::x",
    "\033[2J",
    "%s%n%99999d",
    "\xff\xfe",
    "a,b=c",
    "'\"`$(id)`",
    "*",
    NULL,
};

int
tenon_trial_open(struct tenon_trial *c, struct json_object *config,
                 struct tenon_plugins **out, struct tenon_error *err)
{
    const char *dirs[] = {c->dir, NULL};
    struct json_object *all =
        json_object_new_object(); /* as long as this child */
    auto_free char *key =
        tenon_asprintf("%s-%s", tenon_kind_name(c->kind), c->name);
    json_object_object_add(
        all, key, config ? json_object_get(config) : json_object_new_object());
    const struct tenon_plugins_options o = {
        .dirs = dirs, .config = all, .host = tenon_standin_host()};
    return tenon_plugins_new(&o, out, err);
}

size_t
tenon_trial_descriptors(void)
{
    size_t count = 0;
    auto_dir DIR *d = opendir("/proc/self/fd");
    while (d && readdir(d))
        count++;
    return count;
}

char *
tenon_trial_answer(int rc, const struct tenon_error *err)
{
    if (rc > 0)
        return tenon_asprintf(
            "the answer is %d; it has to be 0 or an enum tenon_status", rc);
    if (rc == 0)
        return NULL;
    if (!err->code || !err->message || !*err->message)
        return tenon_asprintf("it failed with %d and said nothing", rc);
    return rc < TENON_E_BUG
               ? tenon_asprintf("the answer %d is no enum tenon_status", rc)
               : NULL;
}

/* ---- options ----------------------------------------------------------------- */

static const char *
sample(const struct tenon_param *p)
{
    switch ((enum tenon_type)p->type) {
    case TENON_TYPE_BOOL:
        return "true";
    case TENON_TYPE_INT:
    case TENON_TYPE_SIZE:
        return "1";
    case TENON_TYPE_DURATION:
        return "1s";
    case TENON_TYPE_HOST_PATH:
        return "/nonexistent";
    case TENON_TYPE_STRING:
    case TENON_TYPE_CHOICE:
    case TENON_TYPE_MAP:
        break;
    }
    return "sample";
}

static bool
has_option(char *const *list, const char *name)
{
    const size_t len = strlen(name);
    for (; list && *list; list++)
        if (!strncmp(*list, name, len) && ((*list)[len] == '=' || !(*list)[len]))
            return true;
    return false;
}

char *
tenon_trial_sample(const struct tenon_param *p)
{
    if (p->type == TENON_TYPE_CHOICE && p->choices)
        return tenon_strndup(p->choices, strcspn(p->choices, "|"));
    if (p->min > 1 && p->type != TENON_TYPE_DURATION)
        return tenon_asprintf("%" PRId64, p->min);
    return tenon_strdup(sample(p));
}

char **
tenon_trial_options(const struct tenon_trial *c,
                    const struct tenon_param *params, const char *extra)
{
    char **list = NULL;
    for (const char *const *o = c->request->options; o && *o; o++)
        tenon_strv_push(&list, tenon_strdup(*o));
    for (const struct tenon_param *p = params; p && p->name; p++) {
        if (!(p->flags & TENON_PARAM_REQUIRED) || has_option(list, p->name))
            continue;
        auto_free char *value = tenon_trial_sample(p);
        tenon_strv_push(&list, tenon_asprintf("%s=%s", p->name, value));
    }
    if (extra)
        tenon_strv_push(&list, tenon_strdup(extra));
    return list;
}

