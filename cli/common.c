/* cli/common.c - what the verbs share: messages on stderr, options, the store and the
 * plugins. */
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/ids.h"
#include "base/io.h"
#include "base/log.h"
#include "base/ownership.h"
#include "tools/alloc.h"
#include "tools/comma.h"
#include "tools/jsontext.h"
#include "tools/parse.h"
#include "tools/path.h"
#include "tools/text.h"
#include "tools/vec.h"
#include "context/engine.h"
#include "engine/host.h"
#include "image/image.h"

/* ---- files of the caller's --------------------------------------------------- */

static mode_t callers_umask;

void
cli_take_umask(void)
{
    callers_umask = umask(022);
}

mode_t
cli_result_mode(mode_t mode)
{
    return mode & ~callers_umask;
}

/* ---- messages ----------------------------------------------------------- */

int
cli_print_error(const struct tenon_error *err)
{
    fputs("tenon: ", stderr);
    cli_put_text(stderr, err->message ? err->message : tenon_status_name(err->code));
    putc('\n', stderr);
    if (err->file) {
        fputs("  at ", stderr);
        cli_put_text(stderr, err->file);
        if (err->line)
            fprintf(stderr, ":%u", err->line);
        putc('\n', stderr);
    }
    cli_put_hints("  hint: ", err);
    return CLI_FAILED;
}

void
cli_put_hints(const char *lead, const struct tenon_error *err)
{
    for (const char *at = err->hint; at && *at;) {
        const size_t len = strcspn(at, "\n");
        auto_free char *line = tenon_strndup(at, len);
        fputs(lead, stderr);
        cli_put_text(stderr, line);
        putc('\n', stderr);
        at += len + (at[len] == '\n');
    }
}

int
cli_usage_error(const char *verb, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    auto_free char *text = tenon_vasprintf(fmt, ap);
    va_end(ap);
    fprintf(stderr, "tenon%s%s: ", verb && *verb ? " " : "", verb ? verb : "");
    cli_put_text(stderr, text);
    fprintf(stderr, "\n  hint: see tenon %s%s--help\n", verb ? verb : "",
            verb && *verb ? " " : "");
    return CLI_USAGE;
}

int
cli_pair_expected(const char *where, const char *spec, const char *item,
                  struct tenon_error *err)
{
    return tenon_error_set(err, TENON_E_INVALID,
                           "invalid value \"%s\" in %s \"%s\": expected KEY=VALUE", item, where,
                           spec);
}

int
cli_help(const struct cli *cli, const char *text)
{
    static const char mark[] = "PROGRAM";
    for (const char *at = strstr(text, mark); at; at = strstr(text, mark)) {
        fwrite(text, 1, (size_t)(at - text), stdout);
        fputs(cli->program, stdout);
        text = at + sizeof mark - 1;
    }
    fputs(text, stdout);
    return CLI_OK;
}

bool
cli_confirm(const char *question)
{
    fprintf(stderr, "%s [y/N] ", question);
    fflush(stderr);
    auto_free char *line = NULL;
    size_t room = 0;
    if (getline(&line, &room, stdin) < 0)
        return false;
    return !strcmp(line, "y\n") || !strcmp(line, "Y\n") || !strcmp(line, "yes\n");
}

/* ---- options ------------------------------------------------------------ */

static const char *
nearest_option(const char *word, const struct option *longopts)
{
    TENON_VEC(const char *) names = {0};
    for (const struct option *o = longopts; o->name; o++)
        tenon_vec_push(&names, o->name);
    tenon_vec_push(&names, NULL);
    const char *near = tenon_nearest(word, names.items);
    tenon_vec_release(&names);
    return near;
}

int
cli_getopt(int argc, char **argv, const char *shortopts, const struct option *longopts)
{
    const char *verb = argv[0];
    /* '+' (stop at the first word that is not an option) has to come first. */
    bool in_order = *shortopts == '+';
    auto_free char *quiet = tenon_asprintf("%s:%s", in_order ? "+" : "", shortopts + in_order);
    opterr = 0;
    int option = getopt_long(argc, argv, quiet, longopts, NULL);
    if (option != '?' && option != ':')
        return option;

    const char *word = argv[optind - 1];
    if (option == ':')
        cli_usage_error(verb, "option %s needs a value", word);
    else if (!tenon_has_prefix(word, "--"))
        cli_usage_error(verb, "unknown option -%c", optopt);
    else if (optopt)
        cli_usage_error(verb, "option --%.*s takes no value",
                        (int)strcspn(word + 2, "="), word + 2);
    else {
        auto_free char *name = tenon_strndup(word + 2, strcspn(word + 2, "="));
        const char *near = nearest_option(name, longopts);
        cli_usage_error(verb, "unknown option --%s%s%s%s", name,
                        near ? " (did you mean --" : "", near ? near : "",
                        near ? "?)" : "");
    }
    return 0;
}

bool
cli_parse_format(const char *verb, const char *value, bool *json)
{
    if (!strcmp(value, "json"))
        *json = true;
    else if (!strcmp(value, "table") || !strcmp(value, "pretty"))
        *json = false;
    else {
        cli_usage_error(verb, "unknown format \"%s\": table or json", value);
        return false;
    }
    return true;
}

/* ---- the store and the plugins ------------------------------------------ */

/* With one id, files of others lose their owner, so builds that have more ids use another
 * store. */
char *
cli_store_path(const struct cli *cli)
{
    return tenon_ids_single() ? tenon_asprintf("%s/one-id", cli->root) : tenon_strdup(cli->root);
}

int
cli_open_store(const struct cli *cli, struct tenon_store **out, struct tenon_error *err)
{
    return cli_open_store_with(cli, NULL, out, err);
}

int
cli_open_store_with(const struct cli *cli, struct tenon_store_spares *spares,
                    struct tenon_store **out, struct tenon_error *err)
{
    if (cli_enter_user_namespace(err) < 0)
        return err->code;
    auto_free char *root = cli_store_path(cli);
    auto_free char *parent = tenon_path_join(root, "..");
    if (tenon_vet_shared(root, err) < 0 || tenon_mkdir_p(AT_FDCWD, parent, 0755, err) < 0 ||
        tenon_store_open_with(spares, root, out, err) < 0) {
        if (!err->hint && (err->sys == EACCES || err->sys == EPERM || err->sys == EROFS))
            tenon_error_hint(err, "tenon --root DIR ..., or TENON_ROOT=DIR");
        return tenon_error_context(err, "open store %s", root);
    }
    struct tenon_bounds bounds[TENON_LEFT_KINDS];
    int rc = cli_keep_settings(cli->config, bounds, err); /* checked when it was read */
    for (int i = 0; rc == 0 && i < TENON_LEFT_KINDS; i++)
        tenon_store_set_bounds(*out, i, &bounds[i]);
    struct tenon_limits limits;
    if (rc == 0)
        rc = cli_limit_settings(cli->config, &limits, err);
    if (rc == 0)
        tenon_store_set_limits(*out, &limits);
    return rc;
}

/* The environment of root often comes from an ordinary user through sudo, and
 * a plugin is code. */
static const char *
plugin_path(void)
{
    const char *path = secure_getenv("TENON_PLUGIN_PATH");
    if (path && *path && geteuid() == 0) {
        tenon_log(TENON_LOG_WARNING, "TENON_PLUGIN_PATH is ignored as root; "
                                     "use --plugin-dir");
        return NULL;
    }
    return path;
}

/* What runs steps when nobody says. Where it is not installed (a package of its own), another of
 * tenon's own does. */
static const char *
usual_executor(struct tenon_plugins *plugins)
{
    auto_error struct tenon_error ignored = TENON_ERROR_INIT; /* told when it is asked for */
    const struct tenon_plugin_file *files = NULL;
    size_t count = 0;

    if (!plugins || tenon_plugins_has(plugins, TENON_KIND_EXECUTOR, TENON_DEFAULT_EXECUTOR) ||
        tenon_plugins_list(plugins, &files, &count, &ignored) < 0)
        return TENON_DEFAULT_EXECUTOR;
    for (size_t i = 0; i < count; i++)
        if (files[i].kind == TENON_KIND_EXECUTOR &&
            tenon_plugin_is_bundled(TENON_KIND_EXECUTOR, files[i].name))
            return files[i].name;
    return TENON_DEFAULT_EXECUTOR;
}

void
cli_fill_engine(const struct cli *cli, struct tenon_engine *e)
{
    static char platform[200];
    struct tenon_platform host;
    tenon_platform_host(&host);
    tenon_platform_format(&host, platform);
    const char *network = cli_config_string(cli->config, "network");
    const char *executor = cli_config_string(cli->config, "executor");
    e->config = cli->config;
    e->host_platform = platform;
    e->executor = executor ? executor : usual_executor(e->plugins);
    e->default_network = network ? network : "host";
    e->rootless = tenon_ids_mapped();
    struct json_object *jobs;
    if (json_object_object_get_ex(cli->config, "jobs", &jobs))
        e->jobs = (unsigned)json_object_get_int(jobs);
}

/* "plugins": {"mount-secert": ...} configures nothing. */
static int
check_plugin_keys(struct tenon_plugins *plugins, struct json_object *config,
                  struct tenon_error *err)
{
    const struct tenon_plugin_file *files = NULL;
    size_t count = 0;
    if (!config || tenon_plugins_list(plugins, &files, &count, err) < 0)
        return err->code;
    char **names = NULL;
    for (size_t i = 0; i < count; i++)
        tenon_strv_push(&names, tenon_asprintf("%s-%s", tenon_kind_name(files[i].kind),
                                               files[i].name));
    json_object_object_foreach(config, key, ignored) {
        char **n = names;
        (void)ignored;
        while (n && *n && strcmp(*n, key))
            n++;
        const char *near = n && *n ? NULL : tenon_nearest(key, (const char *const *)names);
        if (near)
            tenon_log(TENON_LOG_WARNING, "configuration: plugins: no plugin \"%s\" (did you mean "
                      "\"%s\"?)", key, near);
    }
    tenon_strv_free(names);
    return TENON_OK;
}

/* "plugin-dirs" of tenon.json, which was vetted for root alone; NULL: there are none. */
static int
configured_dirs(struct json_object *config, char ***out, struct tenon_error *err)
{
    struct json_object *list = NULL;
    json_object_object_get_ex(config, "plugin-dirs", &list);
    for (size_t i = 0; list && i < json_object_array_length(list); i++) {
        struct json_object *dir = json_object_array_get_idx(list, i);
        if (!json_object_is_type(dir, json_type_string))
            return tenon_error_set(err, TENON_E_INVALID,
                                   "configuration: plugin-dirs[%zu]: expected string", i);
        tenon_strv_push(out, tenon_strdup(json_object_get_string(dir)));
    }
    return TENON_OK;
}

bool
cli_is_raised(void)
{
    return getauxval(AT_SECURE) || getuid() != geteuid() || getgid() != getegid();
}

int
cli_open_plugins(const struct cli *cli, struct tenon_plugins **out, struct tenon_error *err)
{
    const bool raised = cli_is_raised();
    if (raised && cli->plugin_dirs && cli->plugin_dirs[0])
        return tenon_error_set(err, TENON_E_DENIED,
                               "--plugin-dir: not in a program with raised privileges");
    struct json_object *config = NULL;
    if (tenon_json_get_object(cli->config, "plugins", &config, err) < 0)
        return tenon_error_context(err, "configuration");
    auto_strv char **config_dirs = NULL;
    if (configured_dirs(cli->config, &config_dirs, err) < 0)
        return err->code;
    if (raised && config_dirs) /* they may be the caller's as well as the site's */
        tenon_log(TENON_LOG_WARNING, "configuration: plugin-dirs are ignored in a program with "
                                     "raised privileges");
    struct tenon_plugins_options o = {
        .dirs = cli->plugin_dirs,
        .env_path = plugin_path(),
        .config_dirs = raised ? NULL : (const char *const *)config_dirs,
        .builtin_dir = TENON_PLUGIN_DIR,
        .config = config,
        .host = tenon_engine_host(),
    };
    if (tenon_plugins_new(&o, out, err) < 0)
        return err->code;
    return check_plugin_keys(*out, config, err);
}
