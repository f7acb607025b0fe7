/* kit/trialwords.c - what a module declares: taken as tenon takes it, then
 * as its users read it. */
#include <dlfcn.h>
#include <string.h>

#include "kit/private.h"
#include "tools/alloc.h"
#include "tools/buf.h"

/* ---- one option -------------------------------------------------------------- */

/* Words that stand beside a plugin's own where it is used. */
static const char *
taken_word(enum tenon_kind kind, const char *name)
{
    static const char *const of_mounts[] = {"type", "target", "dst",
                                            "destination", NULL};
    static const char *const of_others[] = {"type", NULL};
    static const char *const none[] = {NULL};
    const char *const *words = kind == TENON_KIND_MOUNT ? of_mounts
                               : kind == TENON_KIND_EXPORTER ||
                                       kind == TENON_KIND_CACHE ||
                                       kind == TENON_KIND_ATTESTER
                                   ? of_others
                                   : none;
    for (; *words; words++)
        if (!strcmp(*words, name))
            return *words;
    return NULL;
}

static bool
is_plain(const char *name)
{
    return *name >= 'a' && *name <= 'z' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == strlen(name);
}

/* NULL, or what is wrong. */
static const char *
help_fault(const char *help)
{
    const size_t len = help ? strlen(help) : 0;
    if (!len)
        return "there is none";
    if (strpbrk(help, "\n\t"))
        return "it has more than one line";
    if (len > 100)
        return "it is longer than 100 bytes";
    return help[len - 1] == '.' && (len < 3 || help[len - 2] != '.')
               ? "it ends with a full stop"
               : NULL;
}

static void
check_choices(struct tenon_trial *c, const struct tenon_param *p,
              const char *prefix)
{
    auto_free char *name = tenon_asprintf("%s-choices", prefix);
    const bool wanted = p->type == TENON_TYPE_CHOICE;
    const bool good = p->choices && *p->choices && *p->choices != '|' &&
                      !strstr(p->choices, "||") &&
                      !tenon_has_suffix(p->choices, "|");
    tenon_trial_that(
        c, wanted ? good : !p->choices, TENON_TRIAL_FAILED, name,
        wanted ? "it is a CHOICE, and its choices are no \"a|b|c\": \"%s\""
               : "only a CHOICE has choices: \"%s\"",
        p->choices ? p->choices : "");
}

static void
check_bounds(struct tenon_trial *c, const struct tenon_param *p,
             const char *prefix)
{
    auto_free char *name = tenon_asprintf("%s-bounds", prefix);
    const bool number = p->type == TENON_TYPE_INT || p->type == TENON_TYPE_SIZE ||
                        p->type == TENON_TYPE_DURATION;
    tenon_trial_that(c, p->min <= p->max && (number || (!p->min && !p->max)),
                     TENON_TRIAL_FAILED, name, "min %lld and max %lld",
                     (long long)p->min, (long long)p->max);
}

/* Its default, read as a user's value is. */
static void
check_default(struct tenon_trial *c, const struct tenon_param *p,
              const char *prefix)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_values struct tenon_values *v = NULL;
    auto_free char *name = tenon_asprintf("%s-default", prefix);
    struct tenon_param alone[2] = {*p, {.name = NULL}};
    alone[0].flags &= ~TENON_PARAM_REQUIRED;
    const int rc = tenon_values_parse(alone, sizeof alone[0], NULL, prefix, &v, &err);
    tenon_trial_that(c, rc == 0, TENON_TRIAL_FAILED, name, "%s", err.message ? err.message : "");
    auto_free char *seen = tenon_asprintf("%s-default-seen", prefix);
    tenon_trial_that(c, !(p->flags & TENON_PARAM_REQUIRED) || !p->def, TENON_TRIAL_WARNING, seen,
                     "it is required, and has a default that nobody sees");
}

static void
check_param(struct tenon_trial *c, const struct tenon_param *all,
            const struct tenon_param *p, const char *where)
{
    static const uint32_t known =
        TENON_PARAM_REQUIRED | TENON_PARAM_REPEAT | TENON_PARAM_SENSITIVE |
        TENON_PARAM_NOT_IN_KEY | TENON_PARAM_BARE | TENON_PARAM_DEPRECATED;
    auto_free char *prefix = tenon_asprintf("%s-%s", where, p->name);
    auto_free char *name_check = tenon_asprintf("%s-name", prefix);
    auto_free char *type_check = tenon_asprintf("%s-type", prefix);
    auto_free char *help_check = tenon_asprintf("%s-help", prefix);
    auto_free char *flag_check = tenon_asprintf("%s-flags", prefix);
    const char *taken =
        taken_word(strcmp(where, "option") ? 0 : c->kind, p->name);
    size_t twice = 0;
    for (const struct tenon_param *q = all; q->name; q++)
        twice += !strcmp(q->name, p->name);

    tenon_trial_that(
        c, is_plain(p->name) && twice == 1 && !taken, TENON_TRIAL_FAILED,
        name_check, "%s",
        taken ? "this word means something else where the plugin is used"
        : twice > 1
            ? "it is declared twice"
            : "a name has small letters, digits and hyphens, a letter first");
    if (!tenon_trial_that(
            c, p->type >= TENON_TYPE_STRING && p->type <= TENON_TYPE_MAP,
            TENON_TRIAL_FAILED, type_check, "unknown type %u", p->type))
        return;
    const char *fault = help_fault(p->help);
    tenon_trial_that(c, !fault, TENON_TRIAL_WARNING, help_check,
                     "of its help: %s", fault ? fault : "");
    tenon_trial_that(c, !(p->flags & ~known), TENON_TRIAL_FAILED, flag_check,
                     "unknown flags 0x%x", p->flags & ~known);
    check_choices(c, p, prefix);
    check_bounds(c, p, prefix);
    check_default(c, p, prefix);
}

/* ---- all of it ---------------------------------------------------------------- */

static bool
is_keyed(enum tenon_kind kind)
{
    return kind == TENON_KIND_FRONTEND || kind == TENON_KIND_SOURCE ||
           kind == TENON_KIND_MOUNT || kind == TENON_KIND_EXECUTOR;
}

static void
check_plugin(struct tenon_trial *c, const struct tenon_plugin *p)
{
    tenon_trial_that(
        c, p->abi_minor <= TENON_ABI_MINOR, TENON_TRIAL_WARNING,
        "interface", "made for interface %u.%u, this tenon has %u.%u: what is newer is absent",
        p->abi_major, p->abi_minor, TENON_ABI_MAJOR, TENON_ABI_MINOR);
    tenon_trial_that(c, p->need_minor <= p->abi_minor, TENON_TRIAL_FAILED,
                     "needed-interface",
                     "it needs interface %u.%u, and is compiled for %u.%u",
                     p->abi_major, p->need_minor, p->abi_major, p->abi_minor);
    tenon_trial_that(
        c, *p->version, TENON_TRIAL_WARNING, "version",
        "it has no version: `tenon plugins` and reports of bugs show one");
    const char *fault = help_fault(*p->summary ? p->summary : NULL);
    tenon_trial_that(c, !fault, TENON_TRIAL_WARNING, "summary",
                     "of its summary: %s", fault ? fault : "");
    tenon_trial_that(c, p->key_policy <= TENON_KEY_VOLATILE, TENON_TRIAL_FAILED,
                     "key-policy", "unknown key_policy %u", p->key_policy);
    if (!is_keyed(c->kind))
        return;
    tenon_trial_that(c,
                     p->key_policy != TENON_KEY_CONTENT || p->cache_key ||
                         c->kind != TENON_KIND_MOUNT,
                     TENON_TRIAL_FAILED, "key-content",
                     "key_policy CONTENT needs cache_key");
    tenon_trial_that(c, !p->cache_key || p->key_policy == TENON_KEY_CONTENT,
                     TENON_TRIAL_WARNING, "key-used",
                     "its cache_key is never asked: key_policy is not CONTENT");
    tenon_trial_that(
        c,
        p->key_epoch > 0 || p->key_policy == TENON_KEY_NEUTRAL ||
            p->key_policy == TENON_KEY_VOLATILE,
        TENON_TRIAL_WARNING,
        "key-epoch", "key_epoch is 0: begin with 1; + 1 when the same options give another result");
}

static void
check_schemes(struct tenon_trial *c, const struct tenon_plugin *p)
{
    bool good = true;
    for (const char *const *s = p->ops.source->schemes; *s; s++)
        good &=
            **s >= 'a' && **s <= 'z' &&
            strspn(*s, "abcdefghijklmnopqrstuvwxyz0123456789+-.") == strlen(*s);
    tenon_trial_that(
        c, good && *p->ops.source->schemes, TENON_TRIAL_FAILED,
        "schemes", "one at least, of small letters, digits, +, - and ., a letter first");
}

void
tenon_trial_words(struct tenon_trial *c)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_plugins *all = NULL;
    const struct tenon_plugin *p = NULL;

    /* As tenon loads it, what is missing is found at the call, in the middle of a build. */
    tenon_trial_begin(c, "all-symbols");
    void *module = dlopen(c->request->path, RTLD_NOW | RTLD_LOCAL);
    const char *missing = module ? "" : dlerror();
    if (!tenon_trial_that(c, module, TENON_TRIAL_FAILED, "all-symbols", "%s",
                          missing ? missing : ""))
        return;
    tenon_trial_begin(c, "description");
    bool taken = tenon_trial_open(c, NULL, &all, &err) == 0 &&
                 tenon_plugins_peek(all, c->kind, c->name, &p, &err) == 0;
    if (!tenon_trial_that(c, taken, TENON_TRIAL_FAILED, "description", "%s",
                          err.message ? err.message : ""))
        return;
    check_plugin(c, p);
    if (c->kind == TENON_KIND_SOURCE)
        check_schemes(c, p);
    for (const struct tenon_param *q = p->options; q && q->name; q++)
        check_param(c, p->options, q, "option");
    for (const struct tenon_param *q = p->config; q && q->name; q++)
        check_param(c, p->config, q, "config");
    tenon_plugins_free(all);
}
