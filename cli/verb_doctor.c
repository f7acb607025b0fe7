/* cli/verb_doctor.c - tenon doctor: what this machine offers to builds, found out by trying
 * it, and the one command that would help most. */
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/io.h"
#include "tools/alloc.h"
#include "tools/parse.h"
#include "context/engine.h"
#include "exec/exec.h"
#include "exec/processors.h"
#include "context/ctx.h"
#include "probe.h"
#include "subids.h"
#include "userns.h"
#include "weakness.h"

static const char help[] =
    "Usage: PROGRAM doctor [OPTIONS]\n"
    "\n"
    "Check what this machine offers to builds, and what of it weakens the walls\n"
    "around them. Exit status 1 when a build cannot work here.\n"
    "\n"
    "Options:\n"
    "      --format FORMAT  table or json (one object a line, the build's last)\n"
    "  -h, --help           show this\n";

enum verdict { GOOD, POOR, BAD, WEAK };

struct report {
    bool json;
    char *advice; /* broken checks first; then in order of importance */
    bool advice_is_needed;
    bool broken;
};

/* advice: a command that would make it good, or NULL. */
static void
say(struct report *r, enum verdict v, const char *topic, const char *advice,
    const char *fmt, ...) __attribute__((format(printf, 5, 6)));

static void
say(struct report *r, enum verdict v, const char *topic, const char *advice,
    const char *fmt, ...)
{
    static const char *const marks[] = {[GOOD] = "ok", [POOR] = "--", [BAD] = "NO",
                                        [WEAK] = "!"};
    static const char *const results[] = {[GOOD] = "ok", [POOR] = "poor", [BAD] = "broken",
                                          [WEAK] = "weak"};
    va_list ap;
    va_start(ap, fmt);
    auto_free char *text = tenon_vasprintf(fmt, ap);
    va_end(ap);
    if (r->json) {
        auto_json struct json_object *o = json_object_new_object();
        json_object_object_add(o, "check", json_object_new_string(topic));
        json_object_object_add(o, "result", json_object_new_string(results[v]));
        json_object_object_add(o, "text", json_object_new_string(text));
        if (v != GOOD && advice)
            json_object_object_add(o, "advice", json_object_new_string(advice));
        cli_put_json(o);
    } else {
        printf("%-3s %-16s %s\n", marks[v], topic, text);
    }
    r->broken |= v == BAD;
    if ((v == POOR || v == BAD) && advice && (!r->advice || (v == BAD && !r->advice_is_needed))) {
        free(r->advice);
        r->advice = tenon_strdup(advice);
        r->advice_is_needed = v == BAD;
    }
}

/* Where the executors look for programs. */
static char *
find_program(const char *name)
{
    static const char *const dirs[] = {"/usr/local/sbin", "/usr/local/bin", "/usr/sbin",
                                       "/usr/bin", "/sbin", "/bin"};
    for (size_t i = 0; i < tenon_countof(dirs); i++) {
        auto_free char *file = tenon_asprintf("%s/%s", dirs[i], name);
        if (access(file, X_OK) == 0)
            return tenon_steal(&file);
    }
    return NULL;
}

/* The first of a NULL-terminated list that is installed. */
static char *
find_first(const char *const *names)
{
    for (; *names; names++) {
        char *file = find_program(*names);
        if (file)
            return file;
    }
    return NULL;
}

/* ---- checks ------------------------------------------------------------- */

static void
check_kernel(struct report *r)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct utsname u = {0};
    uname(&u);
    if (tenon_exec_check_kernel(&err) < 0)
        say(r, BAD, "kernel", NULL, "%s", err.message);
    else
        say(r, GOOD, "kernel", NULL, "%s %s (%s)", u.sysname, u.release, u.machine);
}

static const char *
file_system_name(const char *path)
{
    static const struct {
        unsigned long magic;
        const char *name;
    } known[] = {
        {EXT4_SUPER_MAGIC, "ext4"}, {XFS_SUPER_MAGIC, "xfs"}, {BTRFS_SUPER_MAGIC, "btrfs"},
        {TMPFS_MAGIC, "tmpfs"}, {OVERLAYFS_SUPER_MAGIC, "overlay"}, {NFS_SUPER_MAGIC, "nfs"},
        {0x2fc12fc1, "zfs"}, {0xF2F52010, "f2fs"}, {FUSE_SUPER_MAGIC, "fuse"},
    };
    struct statfs fs;
    if (statfs(path, &fs) < 0)
        return strerror(errno);
    for (size_t i = 0; i < tenon_countof(known); i++)
        if ((unsigned long)fs.f_type == known[i].magic)
            return known[i].name;
    return "another one";
}

/* The store may not be there yet: the nearest directory above it that is. */
static char *
existing_parent(const char *path)
{
    char *dir = tenon_strdup(path);
    while (access(dir, F_OK) < 0) {
        char *slash = strrchr(dir, '/');
        if (!slash || slash == dir) {
            free(dir);
            return tenon_strdup("/");
        }
        *slash = '\0';
    }
    return dir;
}

static void
check_store(struct report *r, const char *dir, const char *root)
{
    struct statvfs v = {0};
    statvfs(dir, &v);
    auto_free char *avail = tenon_format_bytes((int64_t)(v.f_bavail * v.f_frsize));
    const char *type = file_system_name(dir);
    bool slow = !strcmp(type, "nfs") || !strcmp(type, "fuse") || !strcmp(type, "overlay");
    if (access(dir, W_OK | X_OK) < 0)
        say(r, BAD, "store", "tenon --root DIR build ...", "%s: %s: %s", root, dir,
            strerror(errno));
    else
        say(r, slow ? POOR : GOOD, "store", "tenon --root DIR_ON_A_LOCAL_DISK build ...",
            "%s, on %s, %s free", root, type, avail);
}

static void
check_user_namespaces(struct report *r, const struct probe *p)
{
    bool ordinary = geteuid() != 0;
    if (!ordinary && p->rights.sys)
        say(r, BAD, "rights", userns_root_advice(),
            "root without the privilege to mount (CAP_SYS_ADMIN): %s", p->rights.text);
    if (p->namespace.sys)
        say(r, ordinary ? BAD : POOR, "user namespaces", userns_advice(), "cannot be created: %s%s",
            p->namespace.text,
            ordinary ? "" : "; users of this machine see into steps that have their numbers");
    else if (ordinary && p->rights.sys)
        say(r, BAD, "user namespaces", userns_advice(), "give no privileges: %s", p->rights.text);
    else if (userns_is_restricted())
        say(r, GOOD, "user namespaces", NULL, "can be created (AppArmor allows tenon to)");
    else
        say(r, GOOD, "user namespaces", NULL, "can be created");
}

static void
check_sub_ids(struct report *r, const struct probe *p)
{
    if (geteuid() == 0 && p->users == UINT32_MAX) {
        say(r, GOOD, "subordinate ids", NULL, "not needed as root");
        return;
    }
    if (geteuid() == 0) {
        say(r, p->users > 1 && p->groups > 1 ? GOOD : POOR, "subordinate ids", NULL,
            "%llu users, %llu groups, those of the user namespace tenon is in",
            (unsigned long long)p->users, (unsigned long long)p->groups);
        return;
    }
    struct subids_lack lack = {0};
    subids_look(&lack, geteuid());
    const char *why = *p->why_one ? p->why_one : lack.why;
    if (why)
        say(r, POOR, "subordinate ids", lack.advice, "%s: images with one owner only", why);
    else
        say(r, GOOD, "subordinate ids", NULL, "%llu users, %llu groups, by newuidmap",
            (unsigned long long)lack.users, (unsigned long long)lack.groups);
    subids_lack_release(&lack);
}

static void
check_overlay(struct report *r, const struct probe *p, const char *root)
{
    auto_free char *mark = tenon_asprintf("%s/" TENON_STORE_COPIES, root);
    if (p->overlay.is_known && p->overlay.sys)
        say(r, POOR, "overlay",
            p->overlay.sys == ENODEV ? "sudo modprobe overlay"
                                     : "tenon --root DIR_ON_ANOTHER_FILE_SYSTEM build ...",
            "cannot be mounted: %s; trees are copied, which is slower", p->overlay.text);
    else if (access(mark, F_OK) == 0)
        say(r, POOR, "overlay", "tenon --root NEW_DIR build ...",
            "works, but the store was begun without: trees are copied, which is slower");
    else if (p->overlay.is_known)
        say(r, GOOD, "overlay", NULL, "works in the store's file system%s",
            p->users < UINT32_MAX ? " (userxattr)" : "");
    if (p->own_ids.is_known && p->own_ids.sys)
        say(r, POOR, "ids of steps", "tenon --root DIR_ON_A_LOCAL_DISK build ...",
            "the machine's (%s): users of this machine can end steps that have their numbers",
            p->own_ids.text);
    else if (p->own_ids.is_known && !p->own_lists)
        say(r, POOR, "ids of steps", "a kernel from Linux 6.2 on",
            "their own, and some programs read users of access lists as 4294967295; in layers they "
            "are right");
    else if (p->own_ids.is_known)
        say(r, GOOD, "ids of steps", NULL, "their own");
    if (p->proc.is_known && p->proc.sys)
        say(r, POOR, "proc", userns_proc_advice(),
            "parts of /proc are hidden here (%s): steps see the processes of this machine",
            p->proc.text);
}

static void
check_cgroups(struct report *r)
{
    struct probe_cgroups c;
    probe_cgroups(&c);
    const char *delegate = geteuid() && c.version == 2 && access("/run/systemd/system", F_OK) == 0
                               ? "systemd-run --user --scope -p Delegate=yes tenon build ..."
                               : NULL;
    if (!c.version)
        say(r, POOR, "cgroups", NULL, "not mounted: steps cannot be limited");
    else if (c.sys)
        say(r, POOR, "cgroups", delegate, "version %d, not delegated (%s): steps cannot be limited",
            c.version, strerror(c.sys));
    else
        say(r, strstr(c.controllers, "memory") ? GOOD : POOR, "cgroups", delegate,
            "version %d, groups can be created (%s)", c.version,
            *c.controllers ? c.controllers : "without controllers: no limits for steps");
}

/* ---- what is run for a step --------------------------------------------- */

static void
check_executor(struct report *r, struct tenon_plugins *plugins, const char *name,
               struct tenon_error *err)
{
    struct tenon_module *m = NULL;
    auto_ctx struct tenon_ctx *ctx = tenon_ctx_new(NULL, NULL, NULL, NULL);
    if (plugins && tenon_plugins_get(plugins, TENON_KIND_EXECUTOR, name, &m, err) == 0)
        tenon_exec_probe(m, ctx, err);
    if (err->code)
        say(r, BAD, "executor", err->hint, "%s: %s", name, err->message);
    else
        say(r, GOOD, "executor", NULL, "%s, which can run steps here", name);
}

static void
check_frontends(struct report *r, struct tenon_plugins *plugins)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    const struct tenon_plugin *p = NULL;
    if (plugins && tenon_plugins_peek(plugins, TENON_KIND_FRONTEND, "gateway", &p, &err) == 0)
        say(r, GOOD, "frontends", NULL, "docker/dockerfile is built in, others run as images");
    else
        say(r, GOOD, "frontends", NULL, "docker/dockerfile is built in; # syntax= of others needs "
            "the package " TENON_PACKAGE_PATTERN, "frontend-gateway");
}

static void
check_runtime(struct report *r)
{
    static const char *const runtimes[] = {"runc", "crun", "youki", NULL};
    auto_free char *runtime = find_first(runtimes);
    if (runtime)
        say(r, GOOD, "runtime", NULL, "%s", runtime);
    else
        say(r, GOOD, "runtime", NULL,
            "no runc, crun or youki; only \"executor\": \"oci\" needs one");
}

static void
check_network(struct report *r, const char *network)
{
    static const char *const helpers[] = {"pasta", "slirp4netns", NULL};
    auto_free char *helper = find_first(helpers);
    int sys = access("/dev/net/tun", R_OK | W_OK) < 0 ? errno : 0;
    enum verdict lacking = strcmp(network, "sandbox") ? POOR : BAD;
    if (helper && sys)
        say(r, lacking, "network helper",
            sys == ENOENT ? "sudo modprobe tun" : "sudo chmod 666 /dev/net/tun",
            "%s, but /dev/net/tun: %s: no network \"sandbox\"", helper, strerror(sys));
    else if (helper)
        say(r, GOOD, "network helper", NULL, "%s", helper);
    else
        say(r, lacking, "network helper",
            access("/usr/bin/apt-get", X_OK) == 0 ? "sudo apt-get install passt"
                                                  : "install passt or slirp4netns",
            "neither pasta nor slirp4netns: no network \"sandbox\"");
}

/* ---- what runs of other platforms ---------------------------------------- */

enum way { BY_PROCESSOR, BY_KERNEL, ALL_EMULATED, FIRST_EMULATED, BY_ROOT, NOT, WAYS };

static enum way
way_of(const struct cli *cli, const struct probe *p, const char *host, size_t i)
{
    const struct tenon_processor *processor = tenon_processor_at(i);
    if (tenon_processor_is_native(processor, host, p->processors[i]))
        return BY_PROCESSOR;
    if (!p->processors[i])
        return BY_KERNEL;
    auto_free char *emulator =
        tenon_processor_emulator(processor, tenon_exec_emulators(cli->config));
    if (emulator)
        return p->formats.sys ? FIRST_EMULATED : ALL_EMULATED;
    return p->processors[i] == ENOENT ? BY_ROOT : NOT;
}

static void
check_platforms(struct report *r, const struct cli *cli, const struct probe *p, const char *host)
{
    static const char *const texts[WAYS] = {
        [BY_PROCESSOR] = "by this processor",
        [BY_KERNEL] = "by QEMU, as the kernel was told (binfmt_misc)",
        [ALL_EMULATED] = "by QEMU, of which tenon tells the kernel for the step alone",
        [FIRST_EMULATED] = "by QEMU, a step's first program alone (others need Linux 6.7, or "
                           "apt-get install binfmt-support)",
        [BY_ROOT] = "if the image has the emulator that the kernel was told of",
        [NOT] = "not (apt-get install qemu-user-static)",
    };
    char *lists[WAYS] = {0};
    if (!p->formats.is_known) /* nothing was tried */
        return;
    for (size_t i = 0; i < PROBE_PROCESSORS && tenon_processor_at(i); i++) {
        char **list = &lists[way_of(cli, p, host, i)];
        char *longer = tenon_asprintf("%s%slinux/%s", *list ? *list : "", *list ? ", " : "",
                                      tenon_processor_at(i)->arch);
        free(*list);
        *list = longer;
    }
    for (size_t i = 0; i < WAYS; i++)
        if (lists[i])
            say(r, GOOD, "platforms", NULL, "%s: %s", lists[i], texts[i]);
    for (size_t i = 0; i < WAYS; i++)
        free(lists[i]);
}

/* ---- what weakens it ---------------------------------------------------- */

/* A build works with these, so what helps stands beside them, and is not what helps most. */
static void
say_weakness(void *data, const char *topic, const char *text, const char *helps)
{
    struct report *r = data;
    if (r->json)
        say(r, WEAK, topic, helps, "%s", text);
    else
        say(r, WEAK, topic, helps, "%s; helps: %s", text, helps);
}

/* The runtime that steps run with; NULL where the executor needs none. */
static char *
used_runtime(const struct cli *cli, const char *executor)
{
    struct json_object *plugins = NULL, *own = NULL;
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    const char *name = "runc"; /* as executor-oci has it */
    if (strcmp(executor, "oci"))
        return NULL;
    if (tenon_json_get_object(cli->config, "plugins", &plugins, &ignored) == 0 && plugins &&
        tenon_json_get_object(plugins, "executor-oci", &own, &ignored) == 0 && own)
        (void)tenon_json_get_str(own, "runtime", name, &name, &ignored);
    return strchr(name, '/') ? tenon_strdup(name) : find_program(name);
}

/* ---- what comes of it --------------------------------------------------- */

static char *
describe_mode(const struct report *r, const struct probe *p)
{
    if (r->broken)
        return tenon_strdup("cannot work here");
    if (p->users == UINT32_MAX)
        return tenon_strdup("as root");
    const char *as = geteuid() == 0 ? "as root of the user namespace we are in" : "without root";
    return p->users > 1 && p->groups > 1
               ? tenon_asprintf("%s, with %llu user and %llu group ids", as,
                                (unsigned long long)p->users, (unsigned long long)p->groups)
               : tenon_asprintf("%s, with one id", as);
}

static const char *
mode_name(const struct report *r, const struct probe *p)
{
    if (r->broken)
        return "none";
    if (p->users == UINT32_MAX)
        return "root";
    return p->users > 1 && p->groups > 1 ? "rootless" : "rootless-one-id";
}

static void
conclude(const struct report *r, const struct probe *p, const struct tenon_engine *e,
         const char *store)
{
    if (r->json) {
        auto_json struct json_object *o = json_object_new_object();
        json_object_object_add(o, "mode", json_object_new_string(mode_name(r, p)));
        json_object_object_add(o, "users", json_object_new_int64((int64_t)p->users));
        json_object_object_add(o, "groups", json_object_new_int64((int64_t)p->groups));
        json_object_object_add(o, "executor", json_object_new_string(e->executor));
        json_object_object_add(o, "network", json_object_new_string(e->default_network));
        json_object_object_add(o, "store", json_object_new_string(store));
        if (r->advice)
            json_object_object_add(o, "advice", json_object_new_string(r->advice));
        cli_put_json(o);
        return;
    }
    auto_free char *mode = describe_mode(r, p);
    printf("\nA build: %s", mode);
    if (!r->broken)
        printf("; steps by \"%s\", network \"%s\"", e->executor, e->default_network);
    printf("\n");
    if (r->advice)
        printf("Would help most: %s\n", r->advice);
}

static int
run(const struct cli *cli, bool json)
{
    struct report r = {.json = json};
    struct tenon_engine e = {0};
    auto_free char *dir = existing_parent(cli->root);
    struct probe *p = probe_build(dir);
    auto_error struct tenon_error no_plugins = TENON_ERROR_INIT;
    cli_open_plugins(cli, &e.plugins, &no_plugins);
    cli_fill_engine(cli, &e); /* not earlier: a process reads its ids once */
    auto_free char *store = p->users == 1 || p->groups == 1
                                ? tenon_asprintf("%s/one-id", cli->root)
                                : tenon_strdup(cli->root);
    check_kernel(&r);
    check_store(&r, dir, store);
    check_user_namespaces(&r, p);
    check_sub_ids(&r, p);
    check_overlay(&r, p, store);
    check_executor(&r, e.plugins, e.executor, &no_plugins);
    check_runtime(&r);
    check_platforms(&r, cli, p, e.host_platform);
    check_frontends(&r, e.plugins);
    check_network(&r, e.default_network);
    check_cgroups(&r);
    auto_free char *runtime = used_runtime(cli, e.executor);
    weakness_find(dir, runtime, say_weakness, &r);
    conclude(&r, p, &e, store);
    probe_free(p);
    tenon_plugins_free(e.plugins);
    free(r.advice);
    return r.broken ? CLI_FAILED : CLI_OK;
}

int
cli_doctor(const struct cli *cli, int argc, char **argv)
{
    enum { FORMAT = 256 };
    static const struct option options[] = {{"format", required_argument, NULL, FORMAT},
                                            {"help", no_argument, NULL, 'h'}, {0}};
    bool json = false;
    for (int o; (o = cli_getopt(argc, argv, "h", options)) != -1;) {
        if (o == 'h')
            return cli_help(cli, help);
        if (o != FORMAT || !cli_parse_format("doctor", optarg, &json))
            return CLI_USAGE;
    }
    if (optind < argc)
        return cli_usage_error("doctor", "unexpected argument \"%s\"", argv[optind]);
    return run(cli, json);
}
