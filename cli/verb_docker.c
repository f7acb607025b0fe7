/* cli/verb_docker.c - tenon docker: adds the two entries in the docker client's directory
 * that make `docker build` call us, and removes them again.  The rest of its config.json is
 * kept as it is. */
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "tools/alloc.h"
#include "tools/parse.h"
#include "tools/path.h"

enum { DOCKER_CONFIG_MAX = 4 << 20 };

static const char help[] =
    "Usage: PROGRAM docker enable|disable|status [OPTIONS]\n"
    "\n"
    "enable: `docker build`, `docker image build` and `docker builder ...` use\n"
    "tenon from now on, for this user. It makes cli-plugins/docker-tenon and sets\n"
    "\"aliases\": {\"builder\": \"tenon\"} in config.json. disable takes both out.\n"
    "\n"
    "Options:\n"
    "      --config DIR   the docker client's directory (default: $DOCKER_CONFIG,\n"
    "                     ~/.docker)\n"
    "  -h, --help         show this\n";

/* ---- config.json -------------------------------------------------------- */

/* An absent file is an empty object. */
static int
load_config(int dir, struct json_object **out, struct tenon_error *err)
{
    auto_close int fd = openat(dir, "config.json", O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        if (errno != ENOENT)
            return tenon_error_sys(err, "open config.json");
        *out = json_object_new_object();
        return 0;
    }
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    auto_json struct json_object *o = NULL;
    if (tenon_read_all(fd, DOCKER_CONFIG_MAX, &text, err) < 0)
        return tenon_error_context(err, "config.json");
    if (strspn(tenon_buf_str(&text), " \t\r\n") == text.len)
        o = json_object_new_object();
    else if (tenon_json_parse(text.data, text.len, DOCKER_CONFIG_MAX, &o, err) < 0)
        return tenon_error_context(err, "config.json");
    if (!json_object_is_type(o, json_type_object))
        return tenon_error_set(err, TENON_E_INVALID, "config.json: expected a JSON object");
    *out = tenon_steal(&o);
    return 0;
}

/* The file may be a link into somebody's dotfiles: its target is replaced, with
 * the same permissions. */
static int
save_config(const char *dir, struct json_object *config, struct tenon_error *err)
{
    auto_free char *named = tenon_asprintf("%s/config.json", dir);
    auto_free char *real = realpath(named, NULL);
    if (!real && errno != ENOENT)
        return tenon_error_sys(err, "resolve %s", named);
    const char *path = real ? real : named;
    struct stat st;
    uint32_t mode = stat(path, &st) == 0 ? st.st_mode & 0777 : 0600;

    auto_free char *parent = tenon_strndup(path, (size_t)(strrchr(path, '/') - path));
    auto_close int fd = open(*parent ? parent : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return tenon_error_sys(err, "open %s", parent);
    auto_free char *text = tenon_asprintf(
        "%s\n", json_object_to_json_string_ext(config, JSON_C_TO_STRING_PRETTY |
                                                           JSON_C_TO_STRING_PRETTY_TAB |
                                                           JSON_C_TO_STRING_SPACED |
                                                           JSON_C_TO_STRING_NOSLASHESCAPE));
    return tenon_write_file_at(fd, strrchr(path, '/') + 1, text, strlen(text), mode, true,
                               err);
}

static const char *
alias_of(struct json_object *config)
{
    struct json_object *aliases = NULL, *builder = NULL;
    if (!json_object_object_get_ex(config, "aliases", &aliases) ||
        !json_object_is_type(aliases, json_type_object) ||
        !json_object_object_get_ex(aliases, "builder", &builder) ||
        !json_object_is_type(builder, json_type_string))
        return NULL;
    return json_object_get_string(builder);
}

static int
set_alias(struct json_object *config, struct tenon_error *err)
{
    struct json_object *aliases = NULL;
    if (tenon_json_get_object(config, "aliases", &aliases, err) < 0)
        return tenon_error_context(err, "config.json");
    if (!aliases) {
        aliases = json_object_new_object();
        json_object_object_add(config, "aliases", aliases);
    }
    json_object_object_add(aliases, "builder", json_object_new_string("tenon"));
    return 0;
}

static void
drop_alias(struct json_object *config)
{
    struct json_object *aliases = NULL;
    json_object_object_get_ex(config, "aliases", &aliases);
    json_object_object_del(aliases, "builder");
    if (json_object_object_length(aliases) == 0)
        json_object_object_del(config, "aliases");
}

/* ---- cli-plugins/docker-tenon ------------------------------------------- */

/* A wrapper script (a build tree's tenon-dev) says what it is called. */
static char *
own_program(void)
{
    const char *wrapper = secure_getenv("TENON_PROGRAM");
    return realpath(wrapper && *wrapper == '/' ? wrapper : "/proc/self/exe", NULL);
}

static int
open_plugins_dir(const char *dir, bool make, struct tenon_error *err)
{
    auto_free char *path = tenon_asprintf("%s/cli-plugins", dir);
    if (make && tenon_mkdir_p(AT_FDCWD, path, 0755, err) < 0)
        return err->code;
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? tenon_error_sys(err, "open %s", path) : fd;
}

/* A file that somebody put there is not ours to remove. */
static int
remove_link(int plugins_dir, struct tenon_error *err)
{
    struct stat st;
    if (fstatat(plugins_dir, "docker-tenon", &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : tenon_error_sys(err, "cli-plugins/docker-tenon");
    if (!S_ISLNK(st.st_mode))
        return tenon_error_set(err, TENON_E_DENIED,
                               "cli-plugins/docker-tenon is not a link of ours");
    if (unlinkat(plugins_dir, "docker-tenon", 0) < 0)
        return tenon_error_sys(err, "remove cli-plugins/docker-tenon");
    return 0;
}

static int
make_link(int plugins_dir, struct tenon_error *err)
{
    auto_free char *program = own_program();
    if (!program)
        return tenon_error_sys(err, "find our own program");
    if (remove_link(plugins_dir, err) < 0)
        return err->code;
    if (symlinkat(program, plugins_dir, "docker-tenon") < 0)
        return tenon_error_sys(err, "make cli-plugins/docker-tenon");
    return 0;
}

/* ---- the verbs ---------------------------------------------------------- */

static int
enable(const char *dir, struct tenon_error *err)
{
    if (tenon_mkdir_p(AT_FDCWD, dir, 0700, err) < 0)
        return err->code;
    auto_close int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return tenon_error_sys(err, "open %s", dir);
    auto_json struct json_object *config = NULL;
    if (load_config(fd, &config, err) < 0)
        return err->code;
    /* The config is checked before anything is changed, the alias is set last:
     * at no time does it name a plugin that is not there. */
    auto_free char *before = tenon_strdup(alias_of(config));
    if (set_alias(config, err) < 0)
        return err->code;
    auto_close int plugins = open_plugins_dir(dir, true, err);
    if (plugins < 0 || make_link(plugins, err) < 0)
        return err->code;
    if (!tenon_streq(before, "tenon") && save_config(dir, config, err) < 0)
        return err->code;
    if (before && strcmp(before, "tenon") != 0)
        printf("docker's builder was \"%s\"\n", before);
    printf("docker build now uses tenon (%s/config.json); `tenon docker disable` ends it\n",
           dir);
    return 0;
}

static int
disable(const char *dir, struct tenon_error *err)
{
    auto_close int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && errno != ENOENT)
        return tenon_error_sys(err, "open %s", dir);
    if (fd >= 0) {
        auto_json struct json_object *config = NULL;
        if (load_config(fd, &config, err) < 0)
            return err->code;
        if (tenon_streq(alias_of(config), "tenon")) {
            drop_alias(config);
            if (save_config(dir, config, err) < 0)
                return err->code;
        }
        auto_close int plugins = open_plugins_dir(dir, false, err);
        if (plugins < 0 && err->code != TENON_E_NOT_FOUND)
            return err->code;
        if (plugins < 0)
            tenon_error_release(err);
        else if (remove_link(plugins, err) < 0)
            return err->code;
    }
    printf("docker build no longer uses tenon\n");
    return 0;
}

static int
status(const char *dir, struct tenon_error *err)
{
    auto_close int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    auto_json struct json_object *config = NULL;
    if (fd < 0 && errno != ENOENT)
        return tenon_error_sys(err, "open %s", dir);
    if (fd >= 0 && load_config(fd, &config, err) < 0)
        return err->code;
    const char *alias = config ? alias_of(config) : NULL;
    bool link = fd >= 0 && faccessat(fd, "cli-plugins/docker-tenon", X_OK, 0) == 0;
    if (tenon_streq(alias, "tenon") && link)
        puts("enabled");
    else if (tenon_streq(alias, "tenon"))
        puts("enabled, but cli-plugins/docker-tenon is missing");
    else
        puts("disabled");
    return 0;
}

int
cli_docker(const struct cli *cli, int argc, char **argv)
{
    enum { CONFIG = 256 };
    static const struct option options[] = {
        {"config", required_argument, NULL, CONFIG},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    static const struct {
        const char *name;
        int (*run)(const char *dir, struct tenon_error *err);
    } actions[] = {{"enable", enable}, {"disable", disable}, {"status", status}};

    auto_free char *dir = cli_docker_config_dir();
    for (int o; (o = cli_getopt(argc, argv, "h", options)) != -1;) {
        if (o == 'h')
            return cli_help(cli, help);
        if (o != CONFIG)
            return CLI_USAGE;
        free(dir);
        dir = tenon_path_clean(optarg);
    }
    if (argc - optind != 1)
        return cli_usage_error("docker", "expected enable, disable or status");
    for (size_t i = 0; i < tenon_countof(actions); i++) {
        if (strcmp(argv[optind], actions[i].name) != 0)
            continue;
        auto_error struct tenon_error err = TENON_ERROR_INIT;
        if (actions[i].run(dir, &err) < 0) {
            tenon_error_context(&err, "docker's directory %s", dir);
            return cli_print_error(&err);
        }
        return CLI_OK;
    }
    const char *names[tenon_countof(actions) + 1] = {0};
    for (size_t i = 0; i < tenon_countof(actions); i++)
        names[i] = actions[i].name;
    const char *near = tenon_nearest(argv[optind], names);
    return cli_usage_error("docker", "unknown action \"%s\"%s%s%s: enable, disable or status",
                           argv[optind], near ? " (did you mean " : "", near ? near : "",
                           near ? "?)" : "");
}
