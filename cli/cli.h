/* cli/cli.h - the command: one file a verb (verb_NAME.c), and what the verbs share.
 *
 * Results go to stdout, messages to stderr.  Exit status: 0, 1 for a failure, 2 for
 * wrong usage, 130 after Ctrl-C.  The environment is read here and in configfile.c
 * only. */
#ifndef TENON_CLI_CLI_H
#define TENON_CLI_CLI_H

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/error.h"
#include "base/json.h"
#include "base/limits.h"
#include "plugin/plugins.h"
#include "store/store.h"

enum { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2, CLI_INTERRUPTED = 130 };

struct cli { /* what main.c found before the verb; read-only for verbs */
    const char *program;         /* "tenon", or "docker buildx"-like names in help */
    const char **plugin_dirs;    /* --plugin-dir, NULL at the end */
    const char *root;            /* --root, TENON_ROOT, configuration, or the default */
    struct json_object *config;  /* merged tenon.json; never NULL */
    bool debug;
};

struct cli_verb {
    const char *name;
    const char *summary; /* one line of `tenon --help` */
    int (*run)(const struct cli *cli, int argc, char **argv); /* argv[0] is the verb */
};

int cli_build(const struct cli *cli, int argc, char **argv);
int cli_build_locking(const struct cli *cli, int argc, char **argv); /* fills a lock file alone */
int cli_lock(const struct cli *cli, int argc, char **argv);
int cli_version(const struct cli *cli, int argc, char **argv);
int cli_plugins(const struct cli *cli, int argc, char **argv);
int cli_plugin(const struct cli *cli, int argc, char **argv);
int cli_prune(const struct cli *cli, int argc, char **argv);
int cli_upkeep(const struct cli *cli, int argc, char **argv);
int cli_fsck(const struct cli *cli, int argc, char **argv);
int cli_du(const struct cli *cli, int argc, char **argv);
int cli_why(const struct cli *cli, int argc, char **argv);
int cli_history(const struct cli *cli, int argc, char **argv);
int cli_registry(const struct cli *cli, int argc, char **argv);
int cli_image(const struct cli *cli, int argc, char **argv);
int cli_images(const struct cli *cli, int argc, char **argv);
int cli_diff(const struct cli *cli, int argc, char **argv);
int cli_docker(const struct cli *cli, int argc, char **argv);
int cli_sign(const struct cli *cli, int argc, char **argv);
int cli_verify(const struct cli *cli, int argc, char **argv);
int cli_shell(const struct cli *cli, int argc, char **argv);
int cli_serve(const struct cli *cli, int argc, char **argv);
int cli_doctor(const struct cli *cli, int argc, char **argv);

/* ---- dockerface.c ------------------------------------------------------------
 * What the docker client expects of a program it calls as docker-tenon. */
/* `docker-cli-plugin-metadata`: the JSON on stdout. */
int cli_docker_metadata(void);
/* Skip docker's own flags and the word "tenon" (or "buildx") before the verb: the index
 * of the verb (argc when there is none), or negative after an error was
 * printed.  Takes over --config and --debug. */
int cli_docker_skip_flags(int argc, char **argv, bool *debug);
/* End with a SIGTERM when the docker client ends. */
void cli_docker_follow_client(void);

/* ---- verb_builder.c ------------------------------------------------------------
 * What docker's builder has besides our verbs. */
int cli_builder_ls(const struct cli *cli, int argc, char **argv);
int cli_builder_inspect(const struct cli *cli, int argc, char **argv);
int cli_builder_use(const struct cli *cli, int argc, char **argv);
/* CLI_USAGE after it was said why there is no such verb; 0: it is no verb of docker's. */
int cli_builder_absent(const char *verb);
/* 0, or CLI_USAGE after it was said that there is no such builder. */
int cli_builder_check(const char *verb, const char *name);
/* Take --builder NAME out of a verb's arguments; 0, or CLI_USAGE after an error was printed. */
int cli_builder_skip(int *argc, char **argv);

/* ---- buildkitd.c, buildctl.c -------------------------------------------------------
 * `tenon serve`, and what asks it, by the names that clients of BuildKit start. */
int cli_buildkitd(const struct cli *cli, int argc, char **argv); /* argv[0] is no flag */
int cli_buildctl(int argc, char **argv);

/* ---- configfile.c ------------------------------------------------------- */
/* /etc/tenon/tenon.json, then $XDG_CONFIG_HOME/tenon/tenon.json (or the one
 * that TENON_CONFIG names), merged; unknown keys are warned about with the nearest
 * known one. */
int cli_config_load(struct json_object **out, struct tenon_error *err);
/* String member of the configuration or NULL. */
const char *cli_config_string(struct json_object *config, const char *key);
/* "frontends" goes to the configuration of the plugins that obey it; frontends.c. */
int cli_frontends_settings(struct json_object *config, struct tenon_error *err);
/* $DOCKER_CONFIG or ~/.docker; malloc'ed. */
char *cli_docker_config_dir(void);
/* A program in PATH, which may be another's when root runs: then what others could change is left
 * out, and said so in these words.  NULL: there is none. */
char *cli_find_program(const char *program, const char *passed_over);
/* May root run, or route its traffic by, what the file at path names? Not when others could
 * change it, or the home that a helper would look into: false after a warning, which says `what`
 * is not done. For ordinary users always. */
bool cli_may_run(const char *path, const char *what);
/* From here on files come out as an image or the store wants them, whatever the caller's umask:
 * before the first thread, once. */
void cli_take_umask(void);
/* For what the caller gets, and is not in the store: mode less the caller's umask. */
mode_t cli_result_mode(mode_t mode);

/* ---- homepath.c ------------------------------------------------------------- */

/* $HOME when that is absolute, else what passwd says; malloc'ed. */
char *cli_home_dir(void);
/* $xdg_variable/rest when that is absolute, else ~/below_home/rest; malloc'ed. */
char *cli_home_path(const char *xdg_variable, const char *below_home, const char *rest);

/* ---- keep.c ----------------------------------------------------------------- */

/* The configuration's "keep": for how much of what builds leave there is room. */
int cli_keep_settings(struct json_object *config, struct tenon_bounds bounds[TENON_LEFT_KINDS],
                      struct tenon_error *err);

/* ---- limitsettings.c --------------------------------------------------------------- */

/* The configuration's "limits"; what it does not name stays 0. */
int cli_limit_settings(struct json_object *config, struct tenon_limits *out,
                       struct tenon_error *err);

/* ---- network.c ------------------------------------------------------------- */

/* SSL_CERT_FILE, SSL_CERT_DIR and the proxies of the environment into config's "http". */
void cli_network_environment(struct json_object *config);
/* The proxies that docker's config.json has for containers, each in both spellings. */
int cli_docker_proxies(void (*add)(void *data, const char *name, const char *value), void *data,
                       struct tenon_error *err);

/* ---- credentials.c --------------------------------------------------------- */
/* DOCKER_AUTH_CONFIG, docker's config.json (auths, credHelpers, credsStore, identitytoken,
 * registrytoken) and containers/auth.json, for tenon_session.credentials: *user and *secret
 * malloc'ed or NULL (anonymous); an identity token has user "<token>", what a registry is to be
 * shown as it is "<bearer>". */
int cli_credentials(const char *where, char **user, char **secret, struct tenon_error *err);

/* ---- common.c ----------------------------------------------------------- */
/* "tenon: MESSAGE\n  at FILE:LINE\n  hint: ..." on stderr; returns CLI_FAILED. */
int cli_print_error(const struct tenon_error *err);
/* Wrong usage: the message and `see tenon VERB --help`; returns CLI_USAGE. */
int cli_usage_error(const char *verb, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* An item of a list in a flag's value that is no pair; where: "output", "--cache-to". */
int cli_pair_expected(const char *where, const char *spec, const char *item,
                      struct tenon_error *err);
/* The process of an ordinary user enters a user namespace in which it is root;
 * others are left as they are.  Before the first thread. */
int cli_enter_user_namespace(struct tenon_error *err);
/* That, and a mount namespace of our own, from which nothing gets out, so that
 * the kernel undoes all mounts when we die. */
int cli_private_mounts(struct tenon_error *err);
/* For an ordinary user it is in the user namespace. */
int cli_open_store(const struct cli *cli, struct tenon_store **out, struct tenon_error *err);
/* Where that one is; malloc'ed.  Known once it was tried to open it. */
char *cli_store_path(const struct cli *cli);
struct tenon_store_spares;
int cli_open_store_with(const struct cli *cli, struct tenon_store_spares *spares,
                        struct tenon_store **out, struct tenon_error *err);
/* Has this program rights that its caller has not (setuid, setgid, file capabilities)? Then the
 * caller's modules are not loaded. */
bool cli_is_raised(void);
int cli_open_plugins(const struct cli *cli, struct tenon_plugins **out, struct tenon_error *err);
/* What the configuration and the machine say, for build and shell: executor,
 * network, platform, ids.  The rest of e is the caller's. */
struct tenon_engine;
void cli_fill_engine(const struct cli *cli, struct tenon_engine *e);
/* getopt_long with our error messages: 0 after one was printed (the caller returns
 * CLI_USAGE), -1 at the end of the options, else the option's val.  optind and
 * optarg as usual; optind is 1 at the first call. */
int cli_getopt(int argc, char **argv, const char *shortopts, const struct option *longopts);
/* Help text on stdout, "PROGRAM" in it replaced; returns CLI_OK. */
int cli_help(const struct cli *cli, const char *text);
/* `y` on the terminal; false at the end of the input. */
bool cli_confirm(const char *question);
/* Text from elsewhere to a stream, control characters made visible. */
void cli_put_text(FILE *to, const char *text);
/* The same on one line: newlines are "\n". */
void cli_put_line(FILE *to, const char *text);
/* What the user can do, each on a line of its own; on standard error. */
void cli_put_hints(const char *lead, const struct tenon_error *err);
/* One JSON value a line on stdout. */
void cli_put_json(struct json_object *o);
/* "3 minutes ago"; "never" for 0. */
char *cli_format_age(int64_t then_ns);
/* --format VALUE of the listing verbs: false after an error was printed. */
bool cli_parse_format(const char *verb, const char *value, bool *json);

#endif
