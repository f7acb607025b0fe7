/* convert/options.c - the options of a request: BuildKit's names and meanings. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "build.h"
#include "tools/alloc.h"
#include "tools/cleanup.h"
#include "tools/comma.h"
#include "tools/parse.h"
#include "tools/ulimit.h"

const char *
df_option(const struct df_build *b, const char *key)
{
    size_t n = strlen(key);
    for (const char *const *o = b->options; o && *o; o++)
        if (strncmp(*o, key, n) == 0 && (*o)[n] == '=')
            return *o + n + 1;
    return NULL;
}

const struct tenon_named_ref *
df_input(const struct df_build *b, const char *name)
{
    for (size_t i = 0; i < b->input_count; i++)
        if (strcmp(b->inputs[i].name, name) == 0)
            return &b->inputs[i];
    return NULL;
}

static int
by_key(const void *x, const void *y)
{
    return strcmp(((const struct df_pair *)x)->key,
                  ((const struct df_pair *)y)->key);
}

/* All "prefixKEY=VALUE" options. */
static struct df_pairs
with_prefix(const struct df_build *b, const char *prefix)
{
    size_t n = strlen(prefix), most = 0;
    for (const char *const *o = b->options; o && *o; o++)
        most += strncmp(*o, prefix, n) == 0;
    struct df_pairs out = {df_arena_array(b->arena, most, sizeof *out.items), 0};
    for (const char *const *o = b->options; o && *o; o++) {
        if (strncmp(*o, prefix, n) != 0)
            continue;
        const char *eq = strchr(*o + n, '=');
        if (!eq)
            continue;
        out.items[out.len++] = (struct df_pair){
            .key = df_arena_strndup(b->arena, *o + n, (size_t)(eq - *o) - n),
            .value = eq + 1,
        };
    }
    if (out.len)
        qsort(out.items, out.len, sizeof *out.items, by_key);
    return out;
}

const char *
df_build_arg(const struct df_build *b, const char *name)
{
    for (size_t i = 0; i < b->config.build_args.len; i++)
        if (strcmp(b->config.build_args.items[i].key, name) == 0)
            return b->config.build_args.items[i].value;
    return NULL;
}

bool
df_is_no_cache(const struct df_build *b, const char *stage)
{
    const struct df_config *c = &b->config;
    if (!c->no_cache_given || !c->no_cache.len)
        return c->no_cache_given;
    for (size_t i = 0; i < c->no_cache.len; i++)
        if (strcasecmp(c->no_cache.items[i], stage) == 0)
            return true;
    return false;
}

static void
split(struct df_arena *a, const char *text, struct df_list *out)
{
    auto_strv char **items = tenon_comma_split(text);

    for (char **i = items; *i; i++)
        df_list_add(a, out, df_arena_strdup(a, *i));
}

/* One that is named again is there already. */
static void
add_platform(struct df_config *c, const struct df_platform *p)
{
    for (size_t i = 0; i < c->platforms_len; i++) {
        const struct df_platform *known = c->platforms[i];
        if (!strcmp(known->os, p->os) && !strcmp(known->arch, p->arch) &&
            !strcmp(known->variant, p->variant) && !strcmp(known->os_version, p->os_version))
            return;
    }
    c->platforms[c->platforms_len++] = p;
}

static int
read_platforms(struct df_build *b, const char *host_platform,
               struct tenon_error *err)
{
    struct df_config *c = &b->config;
    static const struct df_platform fallback = {"linux", "amd64", "", ""};
    const char *why = NULL;

    const struct df_platform *host =
        df_platform_parse(b->arena, host_platform, &fallback, &why);
    if (!host)
        return b->host->error->set(err, TENON_E_BUG, 0, "platform of the host: %s", why);
    c->host = df_platform_normalize(b->arena, host);

    const char *text = df_option(b, "platform");
    struct df_list names = {0};
    if (text && *text)
        split(b->arena, text, &names);
    c->platforms = df_arena_array(b->arena, names.len, sizeof *c->platforms);
    for (size_t i = 0; i < names.len; i++) {
        const struct df_platform *p =
            df_platform_parse(b->arena, names.items[i], c->host, &why);
        if (!p)
            return df_fail(b, err, (struct df_lines){0},
                           "failed to parse target platform %s: %s",
                           names.items[i], why);
        add_platform(c, df_platform_normalize(b->arena, p));
    }

    c->multi_platform = names.len > 1;
    const char *multi = df_option(b, "build-arg:BUILDKIT_MULTI_PLATFORM");
    if (!multi || !*multi)
        multi = df_option(b, "multi-platform");
    if (multi && *multi) {
        bool want;
        if (!tenon_parse_bool(multi, &want))
            return df_fail(b, err, (struct df_lines){0},
                           "invalid boolean value for multi-platform: %s", multi);
        if (!want && c->multi_platform)
            return df_fail(b, err, (struct df_lines){0},
                           "conflicting config: returning multiple target "
                           "platforms is not allowed");
        c->multi_platform = want;
    }
    return 0;
}

static int
read_hosts(struct df_build *b, struct tenon_error *err)
{
    const char *text = df_option(b, "add-hosts"), *why = NULL;
    if (!text || !*text)
        return 0;
    size_t n = 0;
    char **fields = df_csv_fields(b->arena, text, &n, &why);
    if (!fields)
        return df_fail(b, err, (struct df_lines){0},
                       "failed to parse additional hosts: %s", why);
    b->config.hosts = df_arena_array(b->arena, n, sizeof *b->config.hosts);
    for (size_t i = 0; i < n; i++) {
        char *host = df_lower(b->arena, fields[i]);
        char *eq = strchr(host, '=');
        unsigned char addr[16];
        if (!eq)
            return df_fail(b, err, (struct df_lines){0},
                           "failed to parse additional hosts: invalid key-value "
                           "pair %s", fields[i]);
        *eq = '\0';
        if (inet_pton(AF_INET, eq + 1, addr) != 1 &&
            inet_pton(AF_INET6, eq + 1, addr) != 1 &&
            strcmp(eq + 1, "host-gateway") != 0)
            return df_fail(b, err, (struct df_lines){0},
                           "failed to parse additional hosts: failed to parse IP %s",
                           eq + 1);
        b->config.hosts[b->config.hosts_len++] =
            (struct df_host_ip){host, eq + 1};
    }
    return 0;
}

static int
read_ulimits(struct df_build *b, struct tenon_error *err)
{
    const char *text = df_option(b, "ulimit"), *why = NULL;
    if (!text || !*text)
        return 0;
    size_t n = 0;
    char **fields = df_csv_fields(b->arena, text, &n, &why);
    if (!fields)
        return df_fail(b, err, (struct df_lines){0},
                       "failed to parse ulimit: %s", why);
    b->config.ulimits = df_arena_array(b->arena, n, sizeof *b->config.ulimits);
    for (size_t i = 0; i < n; i++) {
        auto_free char *wrong =
            tenon_ulimit_parse(fields[i], &b->config.ulimits[b->config.ulimits_len]);
        if (wrong)
            return df_fail(b, err, (struct df_lines){0},
                           "failed to parse ulimit: %s", wrong);
        b->config.ulimits_len++;
    }
    return 0;
}

static void
read_resources(struct df_build *b)
{
    /* The option, and the graph's name for it. */
    static const char *const names[][2] = {
        {"memory", "resources.memory"},
        {"memswap", "resources.memory_swap"},
        {"cpushares", "resources.cpu_shares"},
        {"cpuperiod", "resources.cpu_period"},
        {"cpuquota", "resources.cpu_quota"},
        {"cpusetcpus", "resources.cpuset_cpus"},
        {"cpusetmems", "resources.cpuset_mems"},
    };
    struct df_pairs *out = &b->config.resources;
    out->items = df_arena_array(b->arena, tenon_countof(names),
                                sizeof *out->items);
    for (size_t i = 0; i < tenon_countof(names); i++) {
        const char *value = df_option(b, names[i][0]);
        if (value && *value)
            out->items[out->len++] =
                (struct df_pair){.key = names[i][1], .value = value};
    }
}

static int
read_words(struct df_build *b, struct tenon_error *err)
{
    struct df_config *c = &b->config;
    const struct df_lines nowhere = {0};
    const char *v = df_option(b, "image-resolve-mode");
    if (!v || !*v)
        v = "default";
    if (strcmp(v, "default") != 0 && strcmp(v, "pull") != 0 &&
        strcmp(v, "local") != 0)
        return df_fail(b, err, nowhere, "invalid image-resolve-mode: %s", v);
    c->resolve_mode = v;

    v = df_option(b, "force-network-mode");
    if (!v || !*v)
        v = "sandbox";
    if (strcmp(v, "sandbox") != 0 && strcmp(v, "none") != 0 &&
        strcmp(v, "host") != 0)
        return df_fail(b, err, nowhere, "invalid netmode %s", v);
    c->network = v;

    v = df_option(b, "shm-size");
    if (v && *v && (!tenon_parse_i64(v, &c->shm_bytes) || c->shm_bytes < 0))
        return df_fail(b, err, nowhere, "failed to parse shm size: %s", v);

    v = df_option(b, "no-cache");
    c->no_cache_given = v != NULL;
    if (v && *v)
        split(b->arena, v, &c->no_cache);

    v = df_option(b, "build-arg:BUILDKIT_DOCKERFILE_CHECK");
    if (v) {
        const char *why = NULL;
        c->lint_given = true;
        if (!df_lint_config_parse(b->arena, v, &c->lint, &why))
            return df_fail(b, err, nowhere,
                           "failed to parse build-arg:BUILDKIT_DOCKERFILE_CHECK: %s",
                           why);
    }
    return 0;
}

int
df_options_read(struct df_build *b, const char *host_platform,
                struct tenon_error *err)
{
    struct df_config *c = &b->config;
    c->build_args = with_prefix(b, "build-arg:");
    c->labels = with_prefix(b, "label:");
    c->target = df_option(b, "target");
    c->cgroup_parent = df_option(b, "cgroup-parent");
    c->cache_namespace = df_option(b, "build-arg:BUILDKIT_CACHE_MOUNT_NS");
    if (!c->cache_namespace)
        c->cache_namespace = "";
    c->hostname = df_option(b, "build-arg:BUILDKIT_SANDBOX_HOSTNAME");
    if (!c->hostname || !*c->hostname)
        c->hostname = df_option(b, "hostname");
    read_resources(b);

    int rc = read_platforms(b, host_platform, err);
    if (rc == 0)
        rc = read_hosts(b, err);
    if (rc == 0)
        rc = read_ulimits(b, err);
    return rc == 0 ? read_words(b, err) : rc;
}
