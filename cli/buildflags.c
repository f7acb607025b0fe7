/* cli/buildflags.c - the flags of build: one table of what they are called, take and mean. */
#include "buildflags.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/alloc.h"
#include "tools/comma.h"
#include "tools/cleanup.h"
#include "tools/parse.h"
#include "tools/vec.h"
#include "base/log.h"
#include "cli.h"

enum kind {
    FLAG_BOOL,
    FLAG_STRING,
    FLAG_LIST,
    FLAG_CSV,
    FLAG_RESOURCE,   /* the old name of --resource NAME=... */
    FLAG_IGNORED,    /* of the classic builder; with a warning where `help` has one */
    FLAG_IGNORED_BOOL,
    FLAG_BUILDER,    /* there is one */
};

struct flag {
    const char *name;
    char letter;
    enum kind kind;
    size_t offset; /* in struct build_flags */
    const char *arg, *help;
};

#define AT(member) offsetof(struct build_flags, member)

static const struct flag flags[] = {
    { "add-host", 0, FLAG_LIST, AT(add_hosts), "HOST:IP", "another line of /etc/hosts in steps" },
    { "allow", 0, FLAG_LIST, AT(entitlements), "E",
      "allow network.host, security.insecure, device or buildx.local.delete" },
    { "annotation", 0, FLAG_LIST, AT(annotations), "[TYPE:]K=V", "annotation of the image" },
    { "attest", 0, FLAG_LIST, AT(attests), "A",
      "attestation: type=provenance,... or type=sbom,..." },
    { "build-arg", 0, FLAG_LIST, AT(build_args), "K[=V]",
      "build argument; without a value, from the environment" },
    { "build-context", 0, FLAG_LIST, AT(build_contexts), "N=V",
      "another context: DIR, docker-image://, oci-layout://, URL" },
    { "builder", 0, FLAG_BUILDER, 0, "N", "builder instance: default, there is no other" },
    { "cache-from", 0, FLAG_LIST, AT(cache_from), "C",
      "look into a cache, too: NAME or type=local,src=DIR" },
    { "cache-to", 0, FLAG_LIST, AT(cache_to), "C",
      "fill one: NAME, type=local,dest=DIR, type=inline" },
    { "call", 0, FLAG_STRING, AT(call), "M", "build, check, outline, targets; M,format=json" },
    { "cgroup-parent", 0, FLAG_STRING, AT(cgroup_parent), "C", "parent control group of steps" },
    { "check", 0, FLAG_BOOL, AT(check), NULL, "the same as --call=check" },
    { "compatibility-version", 0, FLAG_STRING, AT(compatibility), "N",
      "images as BuildKit made them: 30, or 20 (until 0.31)" },
    { "debug", 'D', FLAG_BOOL, AT(debug), NULL, "print debug messages" },
    { "explain", 0, FLAG_BOOL, AT(explain), NULL, "say why a step was not cached" },
    { "file", 'f', FLAG_STRING, AT(file), "F",
      "Dockerfile (CONTEXT/Dockerfile), - for standard input" },
    { "iidfile", 0, FLAG_STRING, AT(iidfile), "F", "write the image's id to a file" },
    { "label", 0, FLAG_LIST, AT(labels), "K=V", "label of the image" },
    { "load", 0, FLAG_BOOL, AT(load), NULL, "load it into docker's or podman's engine" },
    { "lock-file", 0, FLAG_STRING, AT(lock_file), "F", "the lock file (Dockerfile.lock)" },
    { "locked", 0, FLAG_BOOL, AT(locked), NULL, "use what the lock file has, and nothing else" },
    { "metadata-file", 0, FLAG_STRING, AT(metadata_file), "F", "write what was built as JSON" },
    { "network", 0, FLAG_STRING, AT(network), "N", "network of steps: default, none, host" },
    { "no-cache", 0, FLAG_BOOL, AT(no_cache), NULL, "run every step" },
    { "no-cache-filter", 0, FLAG_CSV, AT(no_cache_filter), "S", "run every step of these stages" },
    { "offline", 0, FLAG_BOOL, AT(offline), NULL, "ask no server: all is in the store" },
    { "observe", 0, FLAG_LIST, AT(observers), "NAME[,K=V]",
      "a progress plugin beside the display; dest=FILE" },
    { "output", 'o', FLAG_LIST, AT(outputs), "O",
      "DIR, - (tar), or type=image|oci|docker|local|tar,..." },
    { "platform", 0, FLAG_CSV, AT(platforms), "P", "platform of the image" },
    { "policy", 0, FLAG_LIST, AT(policies), "P",
      "source policy: filename=F.json, reset=true, disabled=true" },
    { "progress", 0, FLAG_STRING, AT(progress), "P",
      "auto, tty, plain[,detail=short], rawjson, quiet, none" },
    { "provenance", 0, FLAG_STRING, AT(provenance), "P",
      "the same as --attest type=provenance,P: true, false, mode=min|max, ..." },
    { "pull", 0, FLAG_BOOL, AT(pull), NULL,
      "the registry's base images; =missing: the store's first" },
    { "push", 0, FLAG_BOOL, AT(push), NULL, "push the image to the registry of its name" },
    { "quiet", 'q', FLAG_BOOL, AT(quiet), NULL, "print the image's id only" },
    { "repro-check", 0, FLAG_BOOL, AT(repro_check), NULL,
      "build twice, and say in what the images differ" },
    { "resource", 0, FLAG_LIST, AT(resources), "K=V", "limits of a step: memory, cpu-shares, ..." },
    { "sbom", 0, FLAG_STRING, AT(sbom), "S",
      "the same as --attest type=sbom,S: true, false, scanner=NAME, ..." },
    { "secret", 0, FLAG_LIST, AT(secrets), "id=X[,src=F|,env=E]",
      "secret for RUN --mount=type=secret" },
    { "shm-size", 0, FLAG_STRING, AT(shm_size), "B", "size of /dev/shm in steps" },
    { "sign", 0, FLAG_STRING, AT(sign), "K",
      "sign what is pushed, and type=oci: key=FILE,certificate=F,..." },
    { "ssh", 0, FLAG_LIST, AT(ssh), "ID[=PATH,...]",
      "agent or key files for RUN --mount=type=ssh" },
    { "tag", 't', FLAG_LIST, AT(tags), "NAME", "name of the image" },
    { "target", 0, FLAG_STRING, AT(target), "STAGE", "stage to build" },
    { "ulimit", 0, FLAG_LIST, AT(ulimits), "T=S[:H]", "resource limit in steps" },
    /* of the classic builder; hidden there and here */
    { "compress", 0, FLAG_IGNORED_BOOL, 0, NULL, NULL },
    { "isolation", 0, FLAG_IGNORED, 0, NULL, "steps have the isolation of their executor" },
    { "security-opt", 0, FLAG_IGNORED, 0, NULL,
      "RUN --security=insecure is what a step may ask for" },
    { "squash", 0, FLAG_IGNORED_BOOL, 0, NULL,
      "squash with a stage of the build file: COPY --from=STAGE / /" },
    { "rm", 0, FLAG_IGNORED_BOOL, 0, NULL, NULL },
    { "force-rm", 0, FLAG_IGNORED_BOOL, 0, NULL, NULL },
    { "memory", 'm', FLAG_RESOURCE, AT(resources), NULL, NULL },
    { "memory-swap", 0, FLAG_RESOURCE, AT(resources), NULL, NULL },
    { "cpu-period", 0, FLAG_RESOURCE, AT(resources), NULL, NULL },
    { "cpu-quota", 0, FLAG_RESOURCE, AT(resources), NULL, NULL },
    { "cpu-shares", 'c', FLAG_RESOURCE, AT(resources), NULL, NULL },
    { "cpuset-cpus", 0, FLAG_RESOURCE, AT(resources), NULL, NULL },
    { "cpuset-mems", 0, FLAG_RESOURCE, AT(resources), NULL, NULL },
    { "help", 'h', FLAG_BOOL, AT(help), NULL, "this text" },
};

static const struct flag *
find_long(const char *name, size_t len)
{
    for (size_t i = 0; i < tenon_countof(flags); i++)
        if (strlen(flags[i].name) == len && !memcmp(flags[i].name, name, len))
            return &flags[i];
    return NULL;
}

static const struct flag *
find_letter(char letter)
{
    for (size_t i = 0; i < tenon_countof(flags); i++)
        if (flags[i].letter && flags[i].letter == letter)
            return &flags[i];
    return NULL;
}

static int
unknown(const char *arg, size_t len)
{
    const char *names[tenon_countof(flags) + 1] = {0};
    for (size_t i = 0; i < tenon_countof(flags); i++)
        names[i] = flags[i].name;
    auto_free char *name = tenon_strndup(arg, len);
    const char *near = tenon_nearest(name, names);
    return near ? cli_usage_error("build", "unknown flag: --%s (did you mean --%s?)", name, near)
                : cli_usage_error("build", "unknown flag: --%s", name);
}

/* podman's words, beside docker's true and false. */
static bool
set_pull(struct build_flags *f, const char *value)
{
    bool always = tenon_streq(value, "always"), missing = tenon_streq(value, "missing");
    if (!always && !missing)
        return false;
    f->pull = always;
    f->prefer_store = missing;
    return true;
}

static int
ignore(const struct flag *flag)
{
    if (flag->help)
        tenon_log(TENON_LOG_WARNING, "--%s is ignored: %s", flag->name, flag->help);
    return 0;
}

static int
not_yet(const struct flag *flag)
{
    return cli_usage_error("build", "--%s is not supported yet", flag->name);
}

static int
set_bool(struct build_flags *f, const struct flag *flag, const char *value)
{
    bool on = true;
    if (!strcmp(flag->name, "pull") && set_pull(f, value))
        return 0;
    if (value && !tenon_parse_bool(value, &on))
        return cli_usage_error("build", "invalid value \"%s\" for --%s: expected true or false",
                               value, flag->name);
    if (flag->kind == FLAG_IGNORED_BOOL)
        return on ? ignore(flag) : 0;
    *(bool *)((char *)f + flag->offset) = on;
    return 0;
}

/* As buildx has it: an empty value takes most flags back, for scripts with variables that are
 * not set.  These few must have one. */
static bool
needs_text(const struct flag *flag)
{
    static const char *const names[] = { "attest", "build-arg", "label", "platform", "policy",
                                         "resource", "shm-size", "tag", "ulimit" };
    for (size_t i = 0; i < tenon_countof(names); i++)
        if (!strcmp(flag->name, names[i]))
            return true;
    return flag->kind == FLAG_RESOURCE;
}

static int
set_value(struct build_flags *f, const struct flag *flag, const char *value)
{
    void *at = (char *)f + flag->offset;
    if (!*value && !needs_text(flag)) {
        if (flag->kind == FLAG_STRING)
            *(const char **)at = NULL;
        return 0;
    }
    switch (flag->kind) {
    case FLAG_STRING:
        *(const char **)at = value;
        return 0;
    case FLAG_LIST:
        tenon_strv_push(at, tenon_strdup(value));
        return 0;
    case FLAG_RESOURCE:
        tenon_strv_push(at, tenon_asprintf("%s=%s", flag->name, value));
        return 0;
    case FLAG_CSV: {
        char **parts = tenon_comma_fields(value, NULL);
        if (!parts)
            return cli_usage_error("build", "invalid value \"%s\" for --%s", value, flag->name);
        for (char **p = parts; *p; p++)
            tenon_strv_push(at, tenon_strdup(*p));
        tenon_strv_free(parts);
        return 0;
    }
    case FLAG_IGNORED:
        return ignore(flag);
    case FLAG_BUILDER:
        return !strcmp(value, "default") ? 0 : not_yet(flag);
    case FLAG_BOOL:
    case FLAG_IGNORED_BOOL:
        break;
    }
    return 0;
}

static bool
takes_no_value(const struct flag *flag)
{
    return flag->kind == FLAG_BOOL || flag->kind == FLAG_IGNORED_BOOL;
}

static int
parse_long(struct build_flags *f, const char *arg, char **argv, int argc, int *i)
{
    size_t len = strcspn(arg, "=");
    const struct flag *flag = find_long(arg, len);
    if (!flag)
        return unknown(arg, len);
    const char *value = arg[len] ? arg + len + 1 : NULL;
    if (takes_no_value(flag))
        return set_bool(f, flag, value);
    if (!value) {
        if (*i + 1 >= argc)
            return cli_usage_error("build", "flag needs an argument: --%s", flag->name);
        value = argv[++*i];
    }
    return set_value(f, flag, value);
}

static int
parse_letters(struct build_flags *f, const char *letters, char **argv, int argc, int *i)
{
    for (const char *p = letters; *p; p++) {
        const struct flag *flag = find_letter(*p);
        if (!flag)
            return cli_usage_error("build", "unknown flag: -%c", *p);
        if (takes_no_value(flag)) {
            int rc = set_bool(f, flag, NULL);
            if (rc)
                return rc;
            continue;
        }
        const char *value = p[1] == '=' ? p + 2 : p[1] ? p + 1 : NULL;
        if (!value) {
            if (*i + 1 >= argc)
                return cli_usage_error("build", "flag needs an argument: -%c", *p);
            value = argv[++*i];
        }
        return set_value(f, flag, value);
    }
    return 0;
}

int
build_flags_parse(struct build_flags *f, int argc, char **argv)
{
    int contexts = 0;
    bool only_args = false;
    for (int i = 1; i < argc; i++) {
        const char *arg = argv[i];
        int rc = 0;
        if (!only_args && !strcmp(arg, "--")) {
            only_args = true;
        } else if (!only_args && !strncmp(arg, "--", 2)) {
            rc = parse_long(f, arg + 2, argv, argc, &i);
        } else if (!only_args && arg[0] == '-' && arg[1]) {
            rc = parse_letters(f, arg + 1, argv, argc, &i);
        } else {
            f->context = arg;
            contexts++;
        }
        if (rc)
            return rc;
    }
    if (f->help)
        return 0;
    if (contexts != 1)
        return cli_usage_error("build", "requires exactly 1 argument, the context; %d given\n"
                               "  usage: tenon build [FLAGS] CONTEXT", contexts);
    if (f->quiet && f->progress && strcmp(f->progress, "quiet"))
        return cli_usage_error("build", "--quiet and --progress=%s cannot be used together",
                               f->progress);
    return 0;
}

void
build_flags_release(struct build_flags *f)
{
    for (size_t i = 0; i < tenon_countof(flags); i++)
        if (flags[i].kind == FLAG_LIST || flags[i].kind == FLAG_CSV)
            tenon_strv_free(*(char ***)((char *)f + flags[i].offset));
}

/* Text from a column on, in lines that 80 columns hold. */
static void
print_wrapped(const char *text, int column)
{
    const int width = 80 - column;
    while ((int)strlen(text) > width) {
        int len = width;
        while (len > 0 && text[len] != ' ')
            len--;
        if (len == 0)
            break;
        printf("%.*s\n%*s", len, text, column, "");
        text += len + 1;
    }
    puts(text);
}

static bool
is_shown(const struct flag *f)
{
    return f->help && f->kind != FLAG_IGNORED && f->kind != FLAG_IGNORED_BOOL;
}

void
build_flags_help(const struct cli *cli)
{
    enum { COLUMN = 31 };
    cli_help(cli, "Usage: PROGRAM build [FLAGS] CONTEXT\n\n"
         "Build an image from a Dockerfile. CONTEXT is a directory, - for a tar archive or\n"
         "a Dockerfile on standard input, or the URL of a git repository, a tar archive or\n"
         "a Dockerfile.\n\nFlags:\n");
    for (size_t i = 0; i < tenon_countof(flags); i++) {
        const struct flag *f = &flags[i];
        if (!is_shown(f))
            continue;
        auto_free char *left = tenon_asprintf("%c%c%s --%s%s%s", f->letter ? '-' : ' ',
                                              f->letter ? f->letter : ' ', f->letter ? "," : " ",
                                              f->name, f->arg ? " " : "", f->arg ? f->arg : "");
        if (strlen(left) + 3 > COLUMN)
            printf("  %s\n%*s", left, COLUMN, "");
        else
            printf("  %-*s", COLUMN - 2, left);
        print_wrapped(f->help, COLUMN);
    }
}
