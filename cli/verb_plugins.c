/* cli/verb_plugins.c - tenon plugins */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "plugin/declared.h"
#include "tools/alloc.h"
#include "tools/parse.h"
#include "tools/vec.h"

static const char help[] =
    "Usage: PROGRAM plugins [OPTIONS] [NAME...]\n"
    "\n"
    "List the plugins that are found, or tell all about some: NAME is as in the\n"
    "list (\"secret\") or with its kind (\"mount-secret\").\n"
    "\n"
    "Options:\n"
    "      --format FORMAT   table or json\n"
    "  -h, --help            show this\n"
    "  -q, --quiet           names only; no plugin is opened\n"
    "  -v, --verbose         with files, what others hide, and what is skipped\n"
    "\n"
    "Searched in this order: --plugin-dir, $TENON_PLUGIN_PATH (not as root),\n"
    "\"plugin-dirs\" of tenon.json,\n"
    TENON_PLUGIN_DIR "\n";

struct flags {
    bool json, quiet, verbose;
};

static const char *const type_names[] = {
    [TENON_TYPE_STRING] = "string",   [TENON_TYPE_BOOL] = "bool",
    [TENON_TYPE_INT] = "int",         [TENON_TYPE_SIZE] = "size",
    [TENON_TYPE_DURATION] = "duration", [TENON_TYPE_CHOICE] = "choice",
    [TENON_TYPE_HOST_PATH] = "path",  [TENON_TYPE_MAP] = "map",
};

static const char *
type_name(uint32_t type)
{
    return type < tenon_countof(type_names) && type_names[type] ? type_names[type] : "?";
}

static const char *
threads_name(uint32_t threads)
{
    return threads == TENON_THREADS_PARALLEL   ? "parallel"
           : threads == TENON_THREADS_INSTANCE ? "instance"
                                               : "serial";
}

static const char *
key_policy_name(uint32_t policy)
{
    static const char *const names[] = {
        [TENON_KEY_UNDECLARED] = "none",   [TENON_KEY_NEUTRAL] = "neutral",
        [TENON_KEY_OPTIONS] = "options",   [TENON_KEY_CONTENT] = "content",
        [TENON_KEY_VOLATILE] = "volatile",
    };
    return policy < tenon_countof(names) ? names[policy] : "?";
}

/* Arrays come with the stride of the header the plugin was compiled with. */
static const struct tenon_param *
next_param(const struct tenon_plugin *pl, const struct tenon_param *p)
{
    return (const struct tenon_param *)((const char *)p + pl->param_size);
}

static bool
has_params(const struct tenon_param *p)
{
    return p && p->name;
}

/* ---- as text ------------------------------------------------------------ */

static void
show_params(const struct tenon_plugin *pl, const char *title,
            const struct tenon_param *params)
{
    if (!has_params(params))
        return;
    printf("  %s:\n", title);
    for (const struct tenon_param *p = params; p->name; p = next_param(pl, p)) {
        auto_free char *what = tenon_asprintf(
            "%s=%s", p->name, p->type == TENON_TYPE_CHOICE && p->choices
                                  ? p->choices : type_name(p->type));
        printf("    %-26s %s", what, p->help ? p->help : "");
        if (p->flags & TENON_PARAM_REQUIRED)
            fputs(" (required)", stdout);
        if (p->flags & TENON_PARAM_REPEAT)
            fputs(" (repeatable)", stdout);
        if (p->flags & TENON_PARAM_DEPRECATED)
            fputs(" (deprecated)", stdout);
        if (p->def && *p->def && p->type != TENON_TYPE_MAP)
            printf(" (default %s)", p->def);
        putchar('\n');
    }
}

/* Names that a plugin declares for itself: a list, or one. */
struct declared {
    const char *text, *json;
    const char *const *list;
    const char *one;
};
enum { DECLARED_MAX = 3 };

static size_t
declared(const struct tenon_plugin *pl, struct declared out[DECLARED_MAX])
{
    if (pl->kind == TENON_KIND_SOURCE) {
        out[0] = (struct declared){"schemes", "schemes", pl->ops.source->schemes, NULL};
        return 1;
    }
    if (pl->kind != TENON_KIND_FRONTEND)
        return 0;
    const struct tenon_frontend_ops *ops = pl->ops.frontend;
    out[0] = (struct declared){"# syntax=", "syntaxes", ops->syntaxes, NULL};
    out[1] = (struct declared){"build files", "files", ops->files, NULL};
    out[2] = (struct declared){"default build file", "defaultFile", NULL, ops->default_file};
    return 3;
}

static void
show_declared(const struct tenon_plugin *pl)
{
    struct declared all[DECLARED_MAX];
    const size_t count = declared(pl, all);
    for (size_t i = 0; i < count; i++) {
        const char *const one[] = {all[i].one, NULL};
        const char *const *list = all[i].list ? all[i].list : one;
        if (!*list)
            continue;
        printf("  %s:", all[i].text);
        for (; *list; list++) {
            putchar(' ');
            cli_put_line(stdout, *list);
        }
        putchar('\n');
    }
}

static void
show_details(const struct tenon_plugin_file *f, const struct tenon_plugin *pl,
             const struct flags *flags)
{
    auto_free char *head = tenon_asprintf("%s-%s %s\n  %s\n", tenon_kind_name(f->kind), f->name,
                                          pl->version, pl->summary);
    cli_put_text(stdout, head);
    if (flags->verbose) {
        fputs("  file: ", stdout);
        cli_put_line(stdout, f->path);
        printf("\n  interface: %u.%u\n  threads: %s\n  cache key: %s\n", pl->abi_major,
               pl->abi_minor, threads_name(pl->threads), key_policy_name(pl->key_policy));
    }
    show_declared(pl);
    show_params(pl, "options", pl->options);
    show_params(pl, "configuration (tenon.json: plugins)", pl->config);
}

/* A line of its own below a row: names of files and texts of plugins come from elsewhere. */
static void
put_below(const char *text)
{
    printf("%-10s ", "");
    cli_put_line(stdout, text);
    putchar('\n');
}

/* why: it cannot be used, or NULL. */
static void
show_row(const struct tenon_plugin_file *f, const struct tenon_plugin *pl, const char *why,
         const struct flags *flags)
{
    printf("%-10s %-14s ", tenon_kind_name(f->kind), f->name);
    auto_free char *version = tenon_asprintf("%-9s ", pl ? pl->version : "-");
    cli_put_line(stdout, version);
    cli_put_line(stdout, pl            ? pl->summary
                         : f->shadowed ? "(hidden by another)"
                                       : "(cannot be used)");
    putchar('\n');
    if (flags->verbose)
        put_below(f->path);
    if (flags->verbose && why)
        put_below(why);
}

/* ---- as JSON ------------------------------------------------------------ */

static struct json_object *
params_json(const struct tenon_plugin *pl, const struct tenon_param *params)
{
    struct json_object *list = json_object_new_array();
    if (!has_params(params))
        return list;
    for (const struct tenon_param *p = params; p->name; p = next_param(pl, p)) {
        struct json_object *o = json_object_new_object();
        json_object_object_add(o, "name", json_object_new_string(p->name));
        json_object_object_add(o, "type", json_object_new_string(type_name(p->type)));
        if (p->help)
            json_object_object_add(o, "help", json_object_new_string(p->help));
        if (p->def)
            json_object_object_add(o, "default", json_object_new_string(p->def));
        if (p->choices)
            json_object_object_add(o, "choices", json_object_new_string(p->choices));
        json_object_object_add(o, "required",
                               json_object_new_boolean(p->flags & TENON_PARAM_REQUIRED));
        json_object_object_add(o, "repeat",
                               json_object_new_boolean(p->flags & TENON_PARAM_REPEAT));
        json_object_array_add(list, o);
    }
    return list;
}

static void
add_declared(struct json_object *o, const struct tenon_plugin *pl)
{
    struct declared all[DECLARED_MAX];
    const size_t count = declared(pl, all);
    for (size_t i = 0; i < count; i++) {
        if (all[i].one)
            json_object_object_add(o, all[i].json, json_object_new_string(all[i].one));
        if (!all[i].list)
            continue;
        struct json_object *list = json_object_new_array();
        for (const char *const *s = all[i].list; *s; s++)
            json_object_array_add(list, json_object_new_string(*s));
        json_object_object_add(o, all[i].json, list);
    }
}

static void
put_json(const struct tenon_plugin_file *f, const struct tenon_plugin *pl, const char *why)
{
    auto_json struct json_object *o = json_object_new_object();
    json_object_object_add(o, "kind", json_object_new_string(tenon_kind_name(f->kind)));
    json_object_object_add(o, "name", json_object_new_string(f->name));
    json_object_object_add(o, "path", json_object_new_string(f->path));
    json_object_object_add(o, "shadowed", json_object_new_boolean(f->shadowed));
    if (why)
        json_object_object_add(o, "refused", json_object_new_string(why));
    if (pl) {
        json_object_object_add(o, "version", json_object_new_string(pl->version));
        json_object_object_add(o, "summary", json_object_new_string(pl->summary));
        json_object_object_add(o, "threads",
                               json_object_new_string(threads_name(pl->threads)));
        json_object_object_add(o, "cacheKey",
                               json_object_new_string(key_policy_name(pl->key_policy)));
        add_declared(o, pl);
        json_object_object_add(o, "options", params_json(pl, pl->options));
        json_object_object_add(o, "config", params_json(pl, pl->config));
    }
    cli_put_json(o);
}

/* ---- what is no plugin ------------------------------------------------- */

static void
show_skipped(const struct tenon_plugins *all, const struct flags *flags)
{
    const struct tenon_plugin_skipped *skipped;
    const size_t count = tenon_plugins_skipped(all, &skipped);
    if (!flags->json && count)
        puts("\nSKIPPED");
    for (size_t i = 0; i < count; i++) {
        if (!flags->json) {
            cli_put_line(stdout, skipped[i].path);
            putchar('\n');
            put_below(skipped[i].why);
            continue;
        }
        auto_json struct json_object *o = json_object_new_object();
        json_object_object_add(o, "path", json_object_new_string(skipped[i].path));
        json_object_object_add(o, "skipped", json_object_new_string(skipped[i].why));
        cli_put_json(o);
    }
}

/* ---- the verb ----------------------------------------------------------- */

static int
by_kind_and_name(const void *a, const void *b)
{
    const struct tenon_plugin_file *x = *(const struct tenon_plugin_file *const *)a;
    const struct tenon_plugin_file *y = *(const struct tenon_plugin_file *const *)b;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    int order = strcmp(x->name, y->name);
    return order ? order : (int)x->shadowed - (int)y->shadowed;
}

static bool
is_called(const struct tenon_plugin_file *f, const char *name)
{
    auto_free char *full = tenon_asprintf("%s-%s", tenon_kind_name(f->kind), f->name);
    return !strcmp(f->name, name) || !strcmp(full, name);
}

static bool
wanted(const struct tenon_plugin_file *f, char **names, int count)
{
    for (int i = 0; i < count; i++)
        if (is_called(f, names[i]))
            return true;
    return count == 0;
}

static const char *
nearest(const struct tenon_plugin_file *files, size_t count, const char *name)
{
    const char **names = tenon_calloc(2 * count + 1, sizeof *names);
    char **full = NULL;
    for (size_t i = 0; i < count; i++) {
        tenon_strv_push(&full, tenon_asprintf("%s-%s", tenon_kind_name(files[i].kind),
                                              files[i].name));
        names[2 * i] = files[i].name;
        names[2 * i + 1] = full[i];
    }
    const char *near = tenon_nearest(name, names);
    for (size_t i = 0; i < 2 * count; i++)
        if (near == names[i])
            near = files[i / 2].name; /* as they are listed */
    free(names);
    tenon_strv_free(full);
    return near;
}

static int
complain_unknown(const struct tenon_plugin_file *files, size_t count, char **names,
                 int name_count)
{
    for (int i = 0; i < name_count; i++) {
        size_t n = 0;
        while (n < count && !is_called(&files[n], names[i]))
            n++;
        if (n < count)
            continue;
        auto_error struct tenon_error err = TENON_ERROR_INIT;
        const char *near = nearest(files, count, names[i]);
        tenon_error_set(&err, TENON_E_NOT_FOUND, "no plugin \"%s\"%s%s%s", names[i],
                        near ? " (did you mean " : "", near ? near : "", near ? "?)" : "");
        tenon_error_hint(&err, "`tenon plugins -q` lists those that are there");
        return cli_print_error(&err);
    }
    return CLI_OK;
}

/* A build that uses such a name fails: better known before. */
static void
warn_of_conflict(void *data, const char *text)
{
    (void)data;
    tenon_log(TENON_LOG_WARNING, "%s", text);
}

static int
list_plugins(struct tenon_plugins *all, const struct flags *flags, char **names,
             int name_count)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    const struct tenon_plugin_file *files;
    size_t count;
    if (tenon_plugins_list(all, &files, &count, &err) < 0)
        return cli_print_error(&err);
    int status = complain_unknown(files, count, names, name_count);
    if (status != CLI_OK)
        return status;

    TENON_VEC(const struct tenon_plugin_file *) shown = {0};
    for (size_t i = 0; i < count; i++)
        if (wanted(&files[i], names, name_count) && (flags->verbose || !files[i].shadowed))
            tenon_vec_push(&shown, &files[i]);
    if (shown.len)
        qsort(shown.items, shown.len, sizeof *shown.items, by_kind_and_name);

    bool details = name_count > 0;
    if (!flags->json && !flags->quiet && !details && shown.len)
        printf("%-10s %-14s %-9s %s\n", "KIND", "NAME", "VERSION", "SUMMARY");
    tenon_vec_foreach(it, &shown) {
        const struct tenon_plugin_file *f = *it;
        const struct tenon_plugin *pl = NULL;
        if (flags->quiet) {
            printf("%s-%s\n", tenon_kind_name(f->kind), f->name);
            continue;
        }
        /* One that cannot be opened must not hide the others. */
        if (!f->shadowed && tenon_plugins_peek(all, f->kind, f->name, &pl, &err) < 0)
            status = cli_print_error(&err);
        if (flags->json)
            put_json(f, pl, err.message);
        else if (details && pl)
            show_details(f, pl, flags);
        else
            show_row(f, pl, err.message, flags);
        tenon_error_release(&err);
    }
    tenon_vec_release(&shown);
    if (flags->verbose && !flags->quiet && !details)
        show_skipped(all, flags);
    if (!flags->quiet && !details)
        tenon_declared_conflicts(all, warn_of_conflict, NULL);
    return status;
}

int
cli_plugins(const struct cli *cli, int argc, char **argv)
{
    enum { FORMAT = 256 };
    static const struct option options[] = {
        {"format", required_argument, NULL, FORMAT},
        {"help", no_argument, NULL, 'h'},
        {"quiet", no_argument, NULL, 'q'},
        {"verbose", no_argument, NULL, 'v'},
        {0},
    };
    struct flags flags = {0};
    for (int o; (o = cli_getopt(argc, argv, "hqv", options)) != -1;) {
        if (o == 'h')
            return cli_help(cli, help);
        if (o == 'q')
            flags.quiet = true;
        else if (o == 'v')
            flags.verbose = true;
        else if (o != FORMAT || !cli_parse_format("plugins", optarg, &flags.json))
            return CLI_USAGE;
    }

    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_plugins *all = NULL;
    if (cli_open_plugins(cli, &all, &err) < 0)
        return cli_print_error(&err);
    int status = list_plugins(all, &flags, argv + optind, argc - optind);
    tenon_plugins_free(all);
    return status;
}
