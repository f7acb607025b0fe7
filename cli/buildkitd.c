/* cli/buildkitd.c - `tenon serve` by the name of buildkitd: its flags, its file, its places. */
#include "buildkitd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "base/ownership.h"
#include "registry/settings.h"
#include "toml.h"
#include "tools/alloc.h"

enum { FILE_MAX = 1 << 20 };

/* ---- flags --------------------------------------------------------------- */

enum kind { TEXT, LIST, BOOL };
static const struct flag {
    const char *name;
    enum kind kind;
    const char *key; /* that it is; NULL: of no consequence here */
} flags[] = {
    {"addr", LIST, "grpc.address"},
    {"allow-insecure-entitlement", LIST, "insecure-entitlements"},
    {"cdi-disabled", BOOL, "cdi.disabled"},
    {"cdi-spec-dir", LIST, "cdi.specDirs"},
    {"config", TEXT, "config"},
    {"containerd-cni-binary-dir", TEXT, NULL},
    {"containerd-cni-config-path", TEXT, NULL},
    {"containerd-cni-pool-size", TEXT, NULL},
    {"containerd-max-parallelism", TEXT, NULL},
    {"containerd-worker", TEXT, "worker.containerd.enabled"},
    {"containerd-worker-addr", TEXT, NULL},
    {"containerd-worker-apparmor-profile", TEXT, NULL},
    {"containerd-worker-gc", BOOL, NULL},
    {"containerd-worker-gc-keepstorage", TEXT, NULL},
    {"containerd-worker-labels", LIST, NULL},
    {"containerd-worker-namespace", TEXT, NULL},
    {"containerd-worker-net", TEXT, NULL},
    {"containerd-worker-platform", LIST, NULL},
    {"containerd-worker-runtime", TEXT, NULL},
    {"containerd-worker-selinux", BOOL, NULL},
    {"containerd-worker-snapshotter", TEXT, NULL},
    {"debug", BOOL, "debug"},
    {"debugaddr", TEXT, NULL},
    {"group", TEXT, "grpc.gid"},
    {"log-format", TEXT, NULL},
    {"log-level", TEXT, "log.level"},
    {"oci-cni-binary-dir", TEXT, "worker.oci.cniBinaryPath"},
    {"oci-cni-config-path", TEXT, "worker.oci.cniConfigPath"},
    {"oci-cni-pool-size", TEXT, "worker.oci.cniPoolSize"},
    {"oci-max-parallelism", TEXT, "worker.oci.max-parallelism"},
    {"oci-worker", TEXT, "worker.oci.enabled"},
    {"oci-worker-apparmor-profile", TEXT, "worker.oci.apparmor-profile"},
    {"oci-worker-binary", TEXT, "worker.oci.binary"},
    {"oci-worker-gc", BOOL, NULL},
    {"oci-worker-gc-keepstorage", TEXT, NULL},
    {"oci-worker-labels", LIST, NULL},
    {"oci-worker-net", TEXT, "worker.oci.networkMode"},
    {"oci-worker-no-process-sandbox", BOOL, NULL}, /* a step sees its own, wherever it can */
    {"oci-worker-platform", LIST, "worker.oci.platforms"},
    {"oci-worker-proxy-snapshotter-path", TEXT, NULL},
    {"oci-worker-rootless", BOOL, NULL},
    {"oci-worker-selinux", BOOL, "worker.oci.selinux"},
    {"oci-worker-snapshotter", TEXT, NULL},
    {"otel-socket-path", TEXT, NULL},
    {"proxy-network", BOOL, "proxyNetwork"},
    {"root", TEXT, "root"},
    {"rootless", BOOL, NULL},
    {"save-cache-debug", BOOL, NULL},
    {"tlscacert", TEXT, "grpc.tls.ca"},
    {"tlscert", TEXT, "grpc.tls.cert"},
    {"tlskey", TEXT, "grpc.tls.key"},
    {"trace", BOOL, "trace"},
};

static const struct flag *
find_flag(const char *name, size_t len)
{
    for (size_t i = 0; i < tenon_countof(flags); i++)
        if (strlen(flags[i].name) == len && !memcmp(flags[i].name, name, len))
            return &flags[i];
    return NULL;
}

static bool
wants_help(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-help") || !strcmp(argv[i], "-h"))
            return true;
    return false;
}

static int
print_help(void)
{
    puts("Usage: buildkitd [FLAG]...\n\n"
         "tenon serve, with buildkitd's flags and buildkitd.toml (tenon(1), docs/remote.md).\n\n"
         "Flags that are heeded:");
    for (size_t i = 0; i < tenon_countof(flags); i++)
        if (flags[i].key)
            printf("  --%s%s\n", flags[i].name, flags[i].kind == BOOL   ? ""
                                               : flags[i].kind == LIST ? " VALUE (more than once)"
                                                                       : " VALUE");
    puts("\nFlags that are taken, and change nothing:");
    for (size_t i = 0; i < tenon_countof(flags); i++)
        if (!flags[i].key)
            printf("  --%s\n", flags[i].name);
    return CLI_OK;
}

/* Below the tables that the key's name has; a list gets one more, anything else is replaced. */
static void
put(struct json_object *o, const struct flag *f, const char *value)
{
    auto_free char *path = tenon_strdup(f->key);
    char *last = path, *save = NULL;
    struct json_object *list = NULL;

    for (char *part = strtok_r(path, ".", &save), *next; part; part = next) {
        next = strtok_r(NULL, ".", &save);
        last = part;
        if (next)
            o = buildkitd_object_in(o, part);
    }
    if (f->kind != LIST) {
        json_object_object_add(o, last, json_object_new_string(value));
        return;
    }
    if (!json_object_object_get_ex(o, last, &list)) {
        list = json_object_new_array();
        json_object_object_add(o, last, list);
    }
    json_object_array_add(list, json_object_new_string(value));
}

/* As Go's flags: one dash or two, a value after "=" or as the next word. */
static int
read_flags(int argc, char **argv, struct json_object *out, struct tenon_error *err)
{
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i] + (argv[i][0] == '-') + (!strncmp(argv[i], "--", 2));
        const size_t len = strcspn(name, "=");
        const struct flag *f = name > argv[i] ? find_flag(name, len) : NULL;
        const char *value = name[len] ? name + len + 1 : NULL;

        if (!f)
            return tenon_error_set(err, TENON_E_INVALID, "buildkitd: %s: tenon has no such flag",
                                   argv[i]);
        if (!value && f->kind == BOOL)
            value = "true";
        if (!value && ++i == argc)
            return tenon_error_set(err, TENON_E_INVALID, "buildkitd: --%s: a value is missing",
                                   f->name);
        if (f->key)
            put(out, f, value ? value : argv[i]);
    }
    return 0;
}

/* ---- all ----------------------------------------------------------------- */

/* *out NULL: there is no file, which nobody has asked for. */
static int
read_config(const char *chosen, struct json_object **out, struct tenon_error *err)
{
    auto_free char *standard =
        geteuid() == 0 ? tenon_strdup("/etc/buildkit/buildkitd.toml")
                       : cli_home_path("XDG_CONFIG_HOME", ".config", "buildkit/buildkitd.toml");
    const char *path = chosen ? chosen : standard;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;

    if (!chosen && access(path, F_OK) < 0 && errno == ENOENT)
        return 0;
    if ((geteuid() == 0 && tenon_vet_path(path, "configuration refused", err) < 0) ||
        tenon_read_file(path, FILE_MAX, &text, err) < 0)
        return err->code;
    return toml_parse(tenon_buf_str(&text), text.len, out, err) < 0
               ? tenon_error_context(err, "%s", path) : 0;
}

static char *
default_root(void)
{
    return geteuid() == 0 ? tenon_strdup("/var/lib/buildkit/tenon")
                          : cli_home_path("XDG_DATA_HOME", ".local/share", "buildkit/tenon");
}

/* Beside what clients look for when nobody tells them. */
static int
default_address(struct daemon *d, struct tenon_error *err)
{
    const char *runtime = geteuid() == 0 ? "/run" : secure_getenv("XDG_RUNTIME_DIR");

    if (!runtime || *runtime != '/')
        return tenon_error_set(err, TENON_E_INVALID, "XDG_RUNTIME_DIR is not set: give --addr");
    auto_free char *dir = tenon_asprintf("%s/buildkit", runtime);
    auto_free char *address = tenon_asprintf("unix://%s/buildkitd.sock", dir);
    if (tenon_mkdir_p(AT_FDCWD, dir, 0711, err) == 0)
        buildkitd_add_argument(d, "--addr", address);
    return err->code;
}

static bool
has_address(const struct daemon *d)
{
    tenon_vec_foreach(arg, &d->args)
        if (tenon_has_prefix(*arg, "--addr="))
            return true;
    return false;
}

/* The flags after the file: of two the last counts, of lists as well. */
static int
gather(struct daemon *d, int argc, char **argv, struct tenon_error *err)
{
    auto_json struct json_object *given = json_object_new_object(), *file = NULL;
    struct json_object *chosen = NULL;

    if (read_flags(argc, argv, given, err) < 0)
        return err->code;
    json_object_object_get_ex(given, "config", &chosen);
    if (read_config(chosen ? json_object_get_string(chosen) : NULL, &file, err) < 0)
        return err->code;
    json_object_object_del(given, "config");
    if (file && buildkitd_take(d, "buildkitd.toml", file, err) < 0)
        return err->code;
    if (buildkitd_take(d, "flags", given, err) < 0)
        return err->code;
    buildkitd_settle(d);
    return has_address(d) ? 0 : default_address(d, err);
}

static int
serve(const struct cli *cli, struct daemon *d)
{
    struct tenon_http_settings checked;
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_free char *standard = d->root ? NULL : default_root();
    struct cli as = *cli;

    if (tenon_http_settings(d->config, &checked, &err) < 0)
        return cli_print_error(&err);
    if (buildkitd_debugs(d))
        tenon_log_set_level(TENON_LOG_DEBUG);
    as.debug = as.debug || buildkitd_debugs(d);
    as.root = d->root ? d->root : standard;
    as.config = d->config;
    tenon_vec_push(&d->args, NULL);
    optind = 0;
    return cli_serve(&as, (int)d->args.len - 1, d->args.items);
}

int
cli_buildkitd(const struct cli *cli, int argc, char **argv)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct daemon d = {.config = cli->config};
    int status;

    if (wants_help(argc, argv))
        return print_help();
    tenon_vec_push(&d.args, tenon_strdup("serve"));
    if (gather(&d, argc, argv, &err) < 0)
        status = cli_print_error(&err);
    else
        status = serve(cli, &d);
    tenon_vec_foreach(arg, &d.args)
        free(*arg);
    tenon_vec_release(&d.args);
    free(d.root);
    return status;
}
