/* The edge between tenon and its plugins: descriptions, tables and options that are
 * shorter or longer than ours, and who could change a module before it is opened. */
#include "unit.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>

#include "base/sized.h"
#include "plugin/module.h"
#include "plugin/plugins.h"

static const struct tenon_host no_services = { .struct_size = sizeof no_services };

static char dir_path[64];
static int dir_fd = -1;

static void
setup(void)
{
    dir_fd = unit_tmpdir(dir_path);
    umask(022);
}

static void
teardown(void)
{
    unit_tmpdir_remove(dir_fd, dir_path);
}

/* ---- sized structs ------------------------------------------------------------- */

struct sized {
    uint32_t struct_size;
    uint32_t flags;
    const char *a;
    const char *b;
};

/* Sizes of theirs, and what is known afterwards. */
static const struct {
    uint32_t size;
    bool flags, a, b;
} sizes[] = {
    { 0, false, false, false }, { 4, false, false, false }, { 8, true, false, false },
    { 16, true, true, false },  { 24, true, true, true },   { 32, true, true, true },
};

START_TEST(test_sized_take_and_give)
{
    const char *x = "x";
    struct {
        struct sized s;
        const char *more;
    } theirs = { { sizes[_i].size, 1, x, x }, x };
    struct sized own;
    memset(&own, 0xff, sizeof own);
    tenon_sized_take(&own, sizeof own, &theirs);
    ck_assert_uint_eq(own.flags, sizes[_i].flags);
    ck_assert((own.a == x) == sizes[_i].a && (own.a || !sizes[_i].a));
    ck_assert((own.b == x) == sizes[_i].b && (!own.b) == !sizes[_i].b);

    memset(&theirs, 0, sizeof theirs);
    theirs.s.struct_size = sizes[_i].size;
    own = (struct sized){ sizeof own, 1, x, x };
    tenon_sized_give(&theirs, &own, sizeof own);
    ck_assert_uint_eq(theirs.s.struct_size, sizes[_i].size);
    ck_assert_uint_eq(theirs.s.flags, sizes[_i].flags);
    ck_assert((theirs.s.a == x) == sizes[_i].a);
    ck_assert((theirs.s.b == x) == sizes[_i].b);
    ck_assert_ptr_null(theirs.more);
}
END_TEST

/* ---- modules whose sizes the test sets ------------------------------------------ */

static void
compile(const char *file, const char *text)
{
    unit_write(dir_fd, "m.c", text);
    const char *top = getenv("abs_top_srcdir");
    auto_free char *command = tenon_asprintf(
        "cc -shared -fPIC -Wno-override-init -I%s/core/include -o %s/%s.so %s/m.c && chmod 644 %s/%s.so",
        top ? top : ".", dir_path, file, dir_path, dir_path, file);
    ck_assert_int_eq(system(command), 0);
}

static struct tenon_plugins *
open_dir(const char *path)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_plugins *p = NULL;
    struct tenon_plugins_options o = { .dirs = (const char *[]){ path, NULL }, .host = &no_services };
    ck_assert_msg(tenon_plugins_new(&o, &p, &err) == 0, "%s", err.message);
    return p;
}

/* kind_x.so, every member of whose table is set; environment variables tell how much
 * of it, and of the plugin, there is. What lies behind is set as well: whoever reads
 * on is found out. */
static void
compile_kind(const char *kind, const char *upper, const char *ops)
{
    /* Names that a plugin declares are looked at when it is opened. */
    const char *names =
        !strcmp(kind, "source")     ? "static const char *const none[1]; ops.o.schemes = none;"
        : !strcmp(kind, "frontend") ? "static const char *const none[1]; ops.o.syntaxes = none; "
                                      "ops.o.files = none; ops.o.default_file = \"x\";"
                                    : "";
    auto_free char *text = tenon_asprintf(
        "#include <tenon-plugin.h>\n#include <stdlib.h>\n#include <string.h>\n"
        "static struct { struct tenon_plugin p; void *more[8]; } plugin = { .p = {\n"
        "  TENON_PLUGIN_HEADER(TENON_KIND_%s), .key_policy = TENON_KEY_OPTIONS, .name = \"x\" } };\n"
        "static struct { struct tenon_%s_ops o; void *more[64]; } ops;\n"
        "TENON_EXPORT const struct tenon_plugin *%s_x_LTX_tenon_plugin_query(void);\n"
        "const struct tenon_plugin *%s_x_LTX_tenon_plugin_query(void) {\n"
        "  memset(&ops, 0x11, sizeof ops);\n"
        "  ops.o.flags = 0;\n"
        "  %s\n"
        "  ops.o.struct_size = getenv(\"OPS_SIZE\") ? atoi(getenv(\"OPS_SIZE\")) : sizeof ops.o;\n"
        "  if (getenv(\"PLUGIN_SIZE\")) plugin.p.struct_size = atoi(getenv(\"PLUGIN_SIZE\"));\n"
        "  else plugin.p.struct_size = sizeof plugin.p;\n"
        "  if (getenv(\"NO_KEY_POLICY\")) plugin.p.key_policy = 0;\n"
        "  plugin.p.ops.%s = &ops.o;\n"
        "  return &plugin.p;\n}\n",
        upper, ops, kind, kind, names, ops);
    auto_free char *file = tenon_asprintf("%s-x", kind);
    compile(file, text);
}

#define M(kind, member) { #member, offsetof(struct tenon_##kind##_ops, member) }

/* Members in their order; needed: without them the plugin is refused. */
static const struct kind {
    enum tenon_kind kind;
    const char *name, *upper, *needed;
    bool is_keyed; /* has to say what enters cache keys */
    size_t size;
    struct { const char *name; size_t offset; } members[9]; /* the last one ends them */
} kinds[] = {
    { TENON_KIND_FRONTEND, "frontend", "FRONTEND", "solve", true, sizeof(struct tenon_frontend_ops),
      { M(frontend, solve), M(frontend, syntaxes), M(frontend, files),
        M(frontend, default_file) } },
    { TENON_KIND_SOURCE, "source", "SOURCE", "fetch_layer", true, sizeof(struct tenon_source_ops),
      { M(source, schemes), M(source, resolve), M(source, fetch_layer), M(source, fetch),
        M(source, open_tree) } },
    { TENON_KIND_MOUNT, "mount", "MOUNT", "attach", true, sizeof(struct tenon_mount_ops),
      { M(mount, attach), M(mount, detach) } },
    { TENON_KIND_EXECUTOR, "executor", "EXECUTOR", "run", true, sizeof(struct tenon_executor_ops),
      { M(executor, probe), M(executor, run), M(executor, ids), M(executor, join),
        M(executor, signal), M(executor, emulate) } },
    { TENON_KIND_EXPORTER, "exporter", "EXPORTER", "write", false, sizeof(struct tenon_exporter_ops),
      { M(exporter, title), M(exporter, write), M(exporter, check) } },
    { TENON_KIND_PROGRESS, "progress", "PROGRESS", "close", false, sizeof(struct tenon_progress_ops),
      { M(progress, open), M(progress, event), M(progress, tick), M(progress, close) } },
    { TENON_KIND_CACHE, "cache", "CACHE", "fetch", false, sizeof(struct tenon_cache_ops),
      { M(cache, title), M(cache, load), M(cache, fetch), M(cache, save),
        M(cache, check_save), M(cache, check_load), M(cache, name), M(cache, send) } },
    { TENON_KIND_ATTESTER, "attester", "ATTESTER", "attest", false,
      sizeof(struct tenon_attester_ops),
      { M(attester, title), M(attester, attest), M(attester, check), M(attester, respond) } },
};

/* The table as the core sees it; NULL when it was refused, with the reason in err. */
static int
open_kind(const struct kind *k, const char *ops_size, void *table, struct tenon_error *err)
{
    const struct tenon_plugin *pl = NULL;
    tenon_error_release(err);
    if (ops_size)
        setenv("OPS_SIZE", ops_size, 1);
    else
        unsetenv("OPS_SIZE");
    struct tenon_plugins *p = open_dir(dir_path);
    int rc = tenon_plugins_peek(p, k->kind, "x", &pl, err);
    if (rc == 0)
        memcpy(table, pl->ops.mount, k->size);
    tenon_plugins_free(p);
    return rc;
}

static bool
is_set(const void *table, size_t offset)
{
    void *member;
    memcpy(&member, (const char *)table + offset, sizeof member);
    return member != NULL;
}

START_TEST(test_abi_table_of_operations_shorter_and_longer)
{
    const struct kind *k = &kinds[_i];
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    char table[512], size[32];
    size_t needed = 0, count = 0;
    compile_kind(k->name, k->upper, k->name);
    while (k->members[count].name) {
        if (!strcmp(k->members[count].name, k->needed))
            needed = k->members[count].offset + sizeof(void *);
        count++;
    }
    ck_assert_uint_eq(k->members[count - 1].offset + sizeof(void *), k->size);
    for (size_t n = 0; n <= count; n++) { /* the first n members are there */
        size_t bytes = n ? k->members[n - 1].offset + sizeof(void *) : 2 * sizeof(uint32_t);
        snprintf(size, sizeof size, "%zu", bytes);
        int rc = open_kind(k, size, table, &err);
        if (bytes < needed) {
            ck_assert_int_eq(rc, TENON_E_INVALID);
            ck_assert_msg(strstr(err.message, "lacks a required one") != NULL, "%s", err.message);
            continue;
        }
        ck_assert_msg(rc == 0, "%s of %zu bytes: %s", k->name, bytes, err.message);
        for (size_t m = 0; m < count; m++)
            ck_assert_msg(is_set(table, k->members[m].offset) == (m < n), "%s of %zu bytes: %s", k->name,
                          bytes, k->members[m].name);
    }
    /* Made for a later tenon: what we know of it is used. */
    snprintf(size, sizeof size, "%zu", k->size + 16 * sizeof(void *));
    ck_assert_msg(open_kind(k, size, table, &err) == 0, "%s", err.message);
    for (size_t m = 0; m < count; m++)
        ck_assert(is_set(table, k->members[m].offset));
    /* No sizes at all. */
    static const struct { const char *size, *why; } bad[] = {
        { "0", "too short" }, { "4", "too short" }, { "7", "too short" }, { "13", "within a member" },
        { "20", "within a member" },
    };
    for (size_t i = 0; i < tenon_countof(bad); i++) {
        ck_assert_int_eq(open_kind(k, bad[i].size, table, &err), TENON_E_INVALID);
        ck_assert_msg(strstr(err.message, bad[i].why) != NULL, "%s: %s", bad[i].size, err.message);
        ck_assert_msg(strstr(err.message, dir_path) != NULL, "%s", err.message);
    }
}
END_TEST

START_TEST(test_abi_description_shorter_and_longer)
{
    const struct kind *k = &kinds[2];
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    char table[512];
    static const struct { size_t size; const char *why; } bad[] = {
        { 0, "description is too short" }, { 8, "description is too short" },
        { offsetof(struct tenon_plugin, init) - 8, "description is too short" },
        { offsetof(struct tenon_plugin, init), "no table of operations" },
        { offsetof(struct tenon_plugin, ops), "no table of operations" },
        { offsetof(struct tenon_plugin, ops) + 4, "within a member" },
    };
    compile_kind(k->name, k->upper, k->name);
    for (size_t i = 0; i < tenon_countof(bad); i++) {
        auto_free char *size = tenon_asprintf("%zu", bad[i].size);
        setenv("PLUGIN_SIZE", size, 1);
        ck_assert_int_eq(open_kind(k, NULL, table, &err), TENON_E_INVALID);
        ck_assert_msg(strstr(err.message, bad[i].why) != NULL, "%s: %s", size, err.message);
    }
    auto_free char *longer = tenon_asprintf("%zu", sizeof(struct tenon_plugin) + 64);
    setenv("PLUGIN_SIZE", longer, 1);
    ck_assert_msg(open_kind(k, NULL, table, &err) == 0, "%s", err.message);
    unsetenv("PLUGIN_SIZE");
}
END_TEST

START_TEST(test_abi_key_policy_of_each_kind)
{
    const struct kind *k = &kinds[_i];
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    char table[512];
    compile_kind(k->name, k->upper, k->name);
    setenv("NO_KEY_POLICY", "1", 1);
    int rc = open_kind(k, NULL, table, &err);
    unsetenv("NO_KEY_POLICY");
    ck_assert_msg(rc == (k->is_keyed ? TENON_E_INVALID : 0), "%s", k->name);
    if (k->is_keyed)
        ck_assert_msg(strstr(err.message, "does not declare key_policy") != NULL, "%s", err.message);
}
END_TEST

/* ---- options ---------------------------------------------------------------------- */

/* Two options of a plugin whose struct tenon_param is `body`; the first has limits
 * if that has. */
static void
compile_options(const char *body, const char *values, const char *stride)
{
    auto_free char *text = tenon_asprintf(
        "#include <tenon-plugin.h>\n"
        "struct param { const char *name, *help, *def, *choices; uint32_t type, flags; %s };\n"
        "static const struct param params[] = {\n"
        "  { \"number\", \"a number\", \"7\", 0, TENON_TYPE_INT, 0%s },\n"
        "  { \"word\", \"a word\", \"none\", 0, TENON_TYPE_STRING, 0 }, { 0 } };\n"
        "static int at(void *s, struct tenon_ctx *c, const struct tenon_mount_request *r,"
        " struct tenon_mount *o, struct tenon_error *e) { (void)s,(void)c,(void)r,(void)o,(void)e; return -1; }\n"
        "static const struct tenon_mount_ops ops = { .struct_size = sizeof ops, .attach = at };\n"
        "static const struct tenon_plugin p = { TENON_PLUGIN_HEADER(TENON_KIND_MOUNT),"
        " .key_policy = TENON_KEY_OPTIONS, .name = \"x\", .ops.mount = &ops, .param_size = %s,"
        " .options = (const struct tenon_param *)params, .config = (const struct tenon_param *)params };\n"
        "TENON_PLUGIN_EXPORT(mount_x, p);\n", body, values, stride);
    compile("mount-x", text);
}

static const struct {
    const char *body, *values, *stride;
    bool has_limits;
    const char *why; /* it is refused, or NULL */
} options[] = {
    { "int64_t min, max;", ", 1, 9", "sizeof(struct param)", true, NULL },
    { "int64_t min, max;", ", 1, 9", "0", true, NULL },
    { "", "", "sizeof(struct param)", false, NULL },
    { "int64_t min, max; const char *more[3];", ", 1, 9, { \"m\" }", "sizeof(struct param)", true, NULL },
    { "", "", "8", false, "options are too short" },
    { "", "", "offsetof(struct tenon_param, min) - 8", false, "options are too short" },
    { "", "", "offsetof(struct tenon_param, min) + 4", false, "options end within a member" },
};

START_TEST(test_abi_options_shorter_and_longer)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    compile_options(options[_i].body, options[_i].values, options[_i].stride);
    struct tenon_plugins *p = open_dir(dir_path);
    struct tenon_module *m = NULL;
    int rc = tenon_plugins_get(p, TENON_KIND_MOUNT, "x", &m, &err);
    if (options[_i].why) {
        ck_assert_int_eq(rc, TENON_E_INVALID);
        ck_assert_msg(strstr(err.message, options[_i].why) != NULL, "%s", err.message);
        tenon_plugins_free(p);
        return;
    }
    ck_assert_msg(rc == 0, "%s", err.message);
    static const struct { const char *pairs[3]; int64_t number; const char *word; bool within; } given[] = {
        { { NULL }, 7, "none", true },
        { { "number=3", "word=x", NULL }, 3, "x", true },
        { { "word=y", "number=10", NULL }, 10, "y", false },
        { { "number=0", NULL }, 0, "none", false },
    };
    for (size_t i = 0; i < tenon_countof(given); i++) {
        struct tenon_values *v = NULL;
        tenon_error_release(&err);
        rc = tenon_values_parse(m->plugin.options, m->plugin.param_size, given[i].pairs, "x", &v, &err);
        bool good = given[i].within || !options[_i].has_limits;
        ck_assert_msg((rc == 0) == good, "row %zu: %s", i, err.message ? err.message : "taken");
        if (good) {
            ck_assert_int_eq(tenon_values_int(v, "number"), given[i].number);
            ck_assert_str_eq(tenon_values_string(v, "word"), given[i].word);
        }
        tenon_values_free(v);
    }
    tenon_plugins_free(p);
}
END_TEST

/* ---- modules that are none ------------------------------------------------------------ */

static const struct {
    const char *text, *why;
} modules[] = {
    { "int x;\n", "does not export mount_x_LTX_tenon_plugin_query" },
    { "void *mount_y_LTX_tenon_plugin_query(void) { return 0; }\n", "does not export" },
    { "void *mount_x_LTX_tenon_plugin_query(void) { return 0; }\n", "gave nothing" },
    { "void *tenon_plugin_query(void) { return 0; }\n", "gave nothing" }, /* the plain name will do */
};

START_TEST(test_abi_module_without_a_plugin)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    const struct tenon_plugin *pl = NULL;
    compile("mount-x", modules[_i].text);
    struct tenon_plugins *p = open_dir(dir_path);
    ck_assert_int_eq(tenon_plugins_peek(p, TENON_KIND_MOUNT, "x", &pl, &err), TENON_E_INVALID);
    ck_assert_msg(strstr(err.message, modules[_i].why) != NULL, "%s", err.message);
    ck_assert_msg(strstr(err.message, "mount-x.so") != NULL, "%s", err.message);
    tenon_plugins_free(p);
}
END_TEST

START_TEST(test_abi_file_names_that_are_none)
{
    static const char *const names[] = {
        "mount-.so", "mount-x", "mountx.so", "mount-X.so", "mount-1.so", "mount-x_y.so", "mounts-x.so",
        "moun-x.so", "-x.so", ".so", "mount-x.so.1", "libmount-x.so", "mount-x.SO",
    };
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    const struct tenon_plugin_file *files;
    size_t n;
    for (size_t i = 0; i < tenon_countof(names); i++)
        unit_write(dir_fd, names[i], "x");
    unit_write(dir_fd, "mount-a9-b.so", "x");
    struct tenon_plugins *p = open_dir(dir_path);
    ck_assert_int_eq(tenon_plugins_list(p, &files, &n, &err), 0);
    ck_assert_uint_eq(n, 1);
    ck_assert_str_eq(files[0].name, "a9-b");
    ck_assert_int_eq(files[0].kind, TENON_KIND_MOUNT);
    tenon_plugins_free(p);
}
END_TEST

/* ---- who could change a module ----------------------------------------------------------- */

/* A file or a directory on the way to DIR/a/b/c/mount-x.so, with the mode and the owner
 * that it gets. */
static const struct vetted {
    const char *place;
    mode_t mode;
    uid_t uid;
    const char *why; /* it is refused, or NULL */
} vetted[] = {
    { "a", 0755, 0, NULL },
    { "a", 0775, 0, "others may write to" },
    { "a", 0757, 0, "others may write to" },
    { "a", 01777, 0, NULL },          /* nobody may replace what is not theirs */
    { "a", 01777, 4242, "uid 4242" }, /* but the owner may */
    { "a", 0755, 4242, "uid 4242" },
    { "a", 0700, 0, NULL },
    { "a/b", 0775, 0, "others may write to" },
    { "a/b", 0757, 0, "others may write to" },
    { "a/b", 0755, 4242, "uid 4242" },
    { "a/b", 01777, 4242, "uid 4242" },
    { "a/b/c", 0775, 0, "others may write to" },
    { "a/b/c", 0757, 0, "others may write to" },
    { "a/b/c", 0755, 4242, "uid 4242" },
    { "a/b/c", 0755, 65534, "uid 65534" }, /* outside of a namespace a user like others */
    { "a/b/c/mount-x.so", 0644, 0, NULL },
    { "a/b/c/mount-x.so", 0755, 0, NULL },
    { "a/b/c/mount-x.so", 0664, 0, "others may write to" },
    { "a/b/c/mount-x.so", 0646, 0, "others may write to" },
    { "a/b/c/mount-x.so", 0644, 4242, "uid 4242" },
    { "a/b/c/mount-x.so", 0644, 65534, "uid 65534" },
};

static void
make_way(void)
{
    static const char *const dirs[] = { "a", "a/b", "a/b/c" };
    for (size_t i = 0; i < tenon_countof(dirs); i++)
        ck_assert_int_eq(mkdirat(dir_fd, dirs[i], 0755), 0);
    unit_write(dir_fd, "a/b/c/mount-x.so", "x");
}

static int
vet(const char *path, const char *trusted, struct tenon_error *err)
{
    auto_free char *full = tenon_asprintf("%s/%s", dir_path, path);
    auto_free char *below = trusted ? tenon_asprintf("%s/%s", dir_path, trusted) : NULL;
    tenon_error_release(err);
    return tenon_module_vet(full, below, err);
}

START_TEST(test_vet_everything_on_the_way)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    const struct vetted *v = &vetted[_i];
    if (geteuid() != 0) {
        unit_not_tried("owners of modules and directories: needs root");
        return;
    }
    make_way();
    ck_assert_int_eq(fchownat(dir_fd, v->place, v->uid, 0, 0), 0);
    ck_assert_int_eq(fchmodat(dir_fd, v->place, v->mode, 0), 0);
    int rc = vet("a/b/c/mount-x.so", NULL, &err);
    if (!v->why) {
        ck_assert_msg(rc == 0, "%s %o %u: %s", v->place, v->mode, v->uid, err.message);
        return;
    }
    ck_assert_msg(rc == TENON_E_DENIED, "%s %o %u was taken", v->place, v->mode, v->uid);
    ck_assert_msg(strstr(err.message, v->why) != NULL, "%s", err.message);
    auto_free char *place = tenon_asprintf("%s/%s", dir_path, v->place);
    ck_assert_msg(strstr(err.message, place) != NULL, "%s", err.message);
}
END_TEST

/* Root of outside is nobody inside of a user namespace, and nobody else may be: its
 * files are good where tenon itself was installed, and there alone. */
START_TEST(test_vet_files_of_nobody_where_tenon_is)
{
    static const struct { const char *trusted; bool good; } places[] = {
        { "a/b/c", true }, { "a/b", true }, { "a/b/c/d", false }, { "a/b/cc", false },
        { "a/b/c/mount", false }, { "a/b/c/mount-x.so", false }, { NULL, false },
    };
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    if (geteuid() != 0) {
        unit_not_tried("modules of nobody: needs root");
        return;
    }
    make_way();
    ck_assert_int_eq(fchownat(dir_fd, "a/b/c/mount-x.so", 65534, 65534, 0), 0);
    for (size_t i = 0; i < tenon_countof(places); i++) {
        int rc = vet("a/b/c/mount-x.so", places[i].trusted, &err);
        ck_assert_msg((rc == 0) == places[i].good, "below %s", places[i].trusted ? places[i].trusted : "-");
    }
    ck_assert_int_eq(fchmodat(dir_fd, "a/b/c/mount-x.so", 0666, 0), 0);
    ck_assert_int_eq(vet("a/b/c/mount-x.so", "a/b/c", &err), TENON_E_DENIED);
}
END_TEST

/* A directory on the way may be a link, as /lib is: then all that it goes through is
 * looked at. */
START_TEST(test_vet_links_on_the_way)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    make_way();
    ck_assert_int_eq(mkdirat(dir_fd, "open", 0755), 0);
    ck_assert_int_eq(mkdirat(dir_fd, "open/in", 0755), 0);
    unit_write(dir_fd, "open/in/mount-x.so", "x");
    auto_free char *absolute = tenon_asprintf("%s/open/in", dir_path);
    ck_assert_int_eq(symlinkat("../open/in", dir_fd, "a/relative"), 0);
    ck_assert_int_eq(symlinkat(absolute, dir_fd, "a/absolute"), 0);
    ck_assert_int_eq(symlinkat("relative", dir_fd, "a/twice"), 0);
    ck_assert_int_eq(symlinkat("b/c", dir_fd, "a/inside"), 0);
    static const char *const ways[] = { "a/relative/mount-x.so", "a/absolute/mount-x.so",
                                        "a/twice/mount-x.so" };
    for (size_t i = 0; i < tenon_countof(ways); i++)
        ck_assert_msg(vet(ways[i], NULL, &err) == 0, "%s: %s", ways[i], err.message);
    ck_assert_int_eq(fchmodat(dir_fd, "open", 0777, 0), 0);
    for (size_t i = 0; i < tenon_countof(ways); i++) {
        ck_assert_msg(vet(ways[i], NULL, &err) == TENON_E_DENIED, "%s was taken", ways[i]);
        ck_assert_msg(strstr(err.message, "open") != NULL, "%s", err.message);
    }
    ck_assert_int_eq(vet("a/inside/mount-x.so", NULL, &err), 0);

    /* Nor may others change the link. */
    if (geteuid() == 0) {
        ck_assert_int_eq(fchmodat(dir_fd, "a", 01777, 0), 0);
        ck_assert_int_eq(fchownat(dir_fd, "a/inside", 4242, 0, AT_SYMLINK_NOFOLLOW), 0);
        ck_assert_int_eq(vet("a/inside/mount-x.so", NULL, &err), TENON_E_DENIED);
        ck_assert_msg(strstr(err.message, "uid 4242") != NULL, "%s", err.message);
    } else {
        unit_not_tried("links of others: needs root");
    }
    ck_assert_int_eq(symlinkat("loop", dir_fd, "loop"), 0);
    ck_assert_int_lt(vet("loop/mount-x.so", NULL, &err), 0);
    ck_assert_int_lt(vet("a/b/c/mount-none.so", NULL, &err), 0);
    ck_assert_int_eq(err.sys, ENOENT);
    ck_assert_int_eq(mkfifoat(dir_fd, "a/b/c/mount-z.so", 0600), 0);
    ck_assert_int_eq(vet("a/b/c/mount-z.so", NULL, &err), TENON_E_DENIED);
    ck_assert_msg(strstr(err.message, "not a regular file") != NULL, "%s", err.message);
}
END_TEST

/* So may the module, when each step is as safe; what is wrong is told of the step, and of the link. */
START_TEST(test_vet_modules_that_are_links)
{
    static const struct { const char *to, *why; } links[] = {
        { "mount-x.so", NULL }, { "../c/mount-x.so", NULL }, { "again", NULL },
        { "../../../open/writable", "mount-y.so is a link to" },
        { "../../../open/writable", "others may write to" },
        { "../../../shut/mount-x.so", "others may write to" },
        { "mount-y.so", "symbolic links" }, { "none", "No such file" },
        { "..", "not a regular file" },
    };
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    make_way();
    ck_assert_int_eq(mkdirat(dir_fd, "open", 0755), 0);
    ck_assert_int_eq(mkdirat(dir_fd, "shut", 0755), 0);
    unit_write(dir_fd, "open/writable", "x");
    unit_write(dir_fd, "shut/mount-x.so", "x");
    ck_assert_int_eq(fchmodat(dir_fd, "open/writable", 0666, 0), 0);
    ck_assert_int_eq(fchmodat(dir_fd, "shut", 0777, 0), 0);
    ck_assert_int_eq(symlinkat("mount-x.so", dir_fd, "a/b/c/again"), 0);
    for (size_t i = 0; i < tenon_countof(links); i++) {
        ck_assert_int_eq(symlinkat(links[i].to, dir_fd, "a/b/c/mount-y.so"), 0);
        int rc = vet("a/b/c/mount-y.so", NULL, &err);
        ck_assert_msg((rc == 0) == !links[i].why, "%s: %d %s", links[i].to, rc, err.message);
        if (links[i].why)
            ck_assert_msg(strstr(err.message, links[i].why) != NULL, "%s", err.message);
        ck_assert_int_eq(unlinkat(dir_fd, "a/b/c/mount-y.so", 0), 0);
    }
    if (geteuid() != 0) {
        unit_not_tried("modules that are links of others: needs root");
        return;
    }
    ck_assert_int_eq(symlinkat("mount-x.so", dir_fd, "a/b/c/mount-y.so"), 0);
    ck_assert_int_eq(fchownat(dir_fd, "a/b/c/mount-y.so", 4242, 0, AT_SYMLINK_NOFOLLOW), 0);
    ck_assert_int_eq(vet("a/b/c/mount-y.so", NULL, &err), TENON_E_DENIED);
    ck_assert_msg(strstr(err.message, "uid 4242") != NULL, "%s", err.message);

    /* Nobody's, beside the link, is root's of outside; elsewhere it is anybody's. */
    ck_assert_int_eq(fchownat(dir_fd, "a/b/c/mount-y.so", 65534, 0, AT_SYMLINK_NOFOLLOW), 0);
    ck_assert_int_eq(fchownat(dir_fd, "a/b/c/mount-x.so", 65534, 0, 0), 0);
    ck_assert_msg(vet("a/b/c/mount-y.so", "a/b/c", &err) == 0, "%s", err.message);
    ck_assert_int_eq(unlinkat(dir_fd, "a/b/c/mount-y.so", 0), 0);
    ck_assert_int_eq(symlinkat("../c/mount-x.so", dir_fd, "a/b/c/mount-y.so"), 0);
    ck_assert_int_eq(vet("a/b/c/mount-y.so", "a/b/c", &err), TENON_E_DENIED);
}
END_TEST

/* ---- answers of plugins -------------------------------------------------------------------- */

START_TEST(test_module_check_of_answers)
{
    static const struct { int code; int set; int result; } answers[] = {
        { 0, 0, 0 }, { 0, TENON_E_FAILED, 0 }, { 5, 0, TENON_E_BUG }, { 3, TENON_E_FAILED, TENON_E_BUG },
        { -1, 0, TENON_E_BUG }, { TENON_E_DENIED, TENON_E_DENIED, TENON_E_DENIED },
        { TENON_E_FAILED, TENON_E_INVALID, TENON_E_INVALID }, { -99, TENON_E_FAILED, TENON_E_BUG },
        { TENON_E_BUG, TENON_E_BUG, TENON_E_BUG },
    };
    struct tenon_module m = { .plugin = { .kind = TENON_KIND_MOUNT, .name = "x" } };
    for (size_t i = 0; i < tenon_countof(answers); i++) {
        auto_error struct tenon_error err = TENON_ERROR_INIT;
        if (answers[i].set)
            tenon_error_set(&err, answers[i].set, "said");
        int rc = tenon_module_check(&m, "op", answers[i].code, &err);
        ck_assert_msg(rc == answers[i].result, "row %zu: %d", i, rc);
        ck_assert_msg((err.code != 0) == (rc < 0), "row %zu", i);
        ck_assert_msg(rc >= 0 || err.message, "row %zu", i);
        ck_assert_msg(answers[i].code <= 0 || strstr(err.message, "mount-x: op "), "%s", err.message);
    }
}
END_TEST

/* A message of many pages is cut, between two characters. */
START_TEST(test_module_check_of_a_long_message)
{
    struct tenon_module m = { .plugin = { .kind = TENON_KIND_MOUNT, .name = "x" } };
    for (size_t front = 0; front < 2; front++) {
        auto_error struct tenon_error err = TENON_ERROR_INIT;
        auto_buf struct tenon_buf text = TENON_BUF_INIT;
        tenon_buf_add(&text, "x", front);
        for (int i = 0; i < 100000; i++)
            tenon_buf_adds(&text, "\303\274");
        const size_t whole = text.len;
        tenon_error_set(&err, TENON_E_FAILED, "%s", tenon_buf_str(&text));
        ck_assert_int_eq(tenon_module_check(&m, "op", TENON_E_FAILED, &err), TENON_E_FAILED);
        auto_free char *end = tenon_asprintf("\303\274... (%zu bytes)", whole);
        ck_assert_uint_lt(strlen(err.message), 20000);
        ck_assert_msg(tenon_has_suffix(err.message, end), "%s", err.message + strlen(err.message) - 40);
    }
}
END_TEST

/* fini is called for what init made, once; a failed init is an error with its name. */
START_TEST(test_abi_init_and_fini)
{
    auto_free char *notes = tenon_asprintf("%s/notes", dir_path);
    auto_free char *text = tenon_asprintf(
        "#include <tenon-plugin.h>\n#include <stdio.h>\n#include <stdlib.h>\n"
        "static void note(const char *t) { FILE *f = fopen(\"%s\", \"a\"); fputs(t, f); fclose(f); }\n"
        "static int start(const struct tenon_host *h, const struct tenon_values *c, void **self,"
        " struct tenon_error *e) { (void)h,(void)c,(void)e; note(\"init \"); *self = &start;"
        " return getenv(\"FAIL\") ? -1 : 0; }\n"
        "static void stop(void *self) { note(self == (void *)&start ? \"fini \" : \"odd \"); }\n"
        "static int at(void *s, struct tenon_ctx *c, const struct tenon_mount_request *r,"
        " struct tenon_mount *o, struct tenon_error *e) { (void)s,(void)c,(void)r,(void)o,(void)e; return -1; }\n"
        "static const struct tenon_mount_ops ops = { .struct_size = sizeof ops, .attach = at };\n"
        "static const struct tenon_plugin p = { TENON_PLUGIN_HEADER(TENON_KIND_MOUNT),"
        " .key_policy = TENON_KEY_OPTIONS, .name = \"x\", .ops.mount = &ops, .init = start, .fini = stop };\n"
        "TENON_PLUGIN_EXPORT(mount_x, p);\n", notes);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf said = TENON_BUF_INIT;
    const struct tenon_plugin *pl = NULL;
    struct tenon_module *m = NULL;
    compile("mount-x", text);
    struct tenon_plugins *p = open_dir(dir_path);
    ck_assert_int_eq(tenon_plugins_peek(p, TENON_KIND_MOUNT, "x", &pl, &err), 0);
    tenon_plugins_free(p); /* looked at only */
    ck_assert_int_ne(access(notes, F_OK), 0);
    p = open_dir(dir_path);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(tenon_plugins_get(p, TENON_KIND_MOUNT, "x", &m, &err), 0);
    tenon_plugins_free(p);
    setenv("FAIL", "1", 1);
    p = open_dir(dir_path);
    ck_assert_int_lt(tenon_plugins_get(p, TENON_KIND_MOUNT, "x", &m, &err), 0);
    ck_assert_msg(strstr(err.message, "start plugin mount-x") != NULL, "%s", err.message);
    tenon_plugins_free(p);
    unsetenv("FAIL");
    tenon_error_release(&err);
    ck_assert_int_eq(tenon_read_file(notes, 100, &said, &err), 0);
    ck_assert_str_eq(tenon_buf_str(&said), "init fini init ");
}
END_TEST

/* ---- a host of before ------------------------------------------------------------------- */

static int
check_nothing(struct tenon_ctx *ctx, const char *dest, uint32_t kind, struct tenon_error *err)
{
    (void)ctx, (void)dest, (void)kind, (void)err;
    return TENON_OK;
}

/* What a plugin that knows more than the host sees of it.  The members behind are set: whoever
 * looks at them without asking how long the table is finds them. */
START_TEST(test_abi_host_shorter)
{
    auto_free char *notes = tenon_asprintf("%s/notes", dir_path);
    auto_free char *text = tenon_asprintf(
        "#include <tenon-plugin.h>\n#include <stdio.h>\n"
        "static int start(const struct tenon_host *h, const struct tenon_values *c, void **self,"
        " struct tenon_error *e) { FILE *f = fopen(\"%s\", \"a\"); (void)c,(void)e; *self = 0;"
        " fputs(!TENON_HAS(struct tenon_host, h, sink) ? \"no sinks \" :"
        " !TENON_HAS(struct tenon_sink_api, h->sink, check) ? \"no check \" : \"all \", f);"
        " fclose(f); return 0; }\n"
        "static int at(void *s, struct tenon_ctx *c, const struct tenon_mount_request *r,"
        " struct tenon_mount *o, struct tenon_error *e) { (void)s,(void)c,(void)r,(void)o,(void)e; return -1; }\n"
        "static const struct tenon_mount_ops ops = { .struct_size = sizeof ops, .attach = at };\n"
        "static const struct tenon_plugin p = { TENON_PLUGIN_HEADER(TENON_KIND_MOUNT),"
        " .key_policy = TENON_KEY_OPTIONS, .name = \"x\", .ops.mount = &ops, .init = start };\n"
        "TENON_PLUGIN_EXPORT(mount_x, p);\n", notes);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf said = TENON_BUF_INIT;
    struct tenon_sink_api sinks = { .struct_size = sizeof sinks, .check = check_nothing };
    struct tenon_host host = { .struct_size = sizeof host, .sink = &sinks };
    const size_t lengths[][2] = {
        { offsetof(struct tenon_host, sink), sizeof sinks },
        { sizeof host, offsetof(struct tenon_sink_api, check) },
        { sizeof host, sizeof sinks },
    };
    compile("mount-x", text);
    for (size_t i = 0; i < tenon_countof(lengths); i++) {
        struct tenon_plugins_options o = { .dirs = (const char *[]){ dir_path, NULL }, .host = &host };
        struct tenon_plugins *p = NULL;
        struct tenon_module *m = NULL;
        host.struct_size = (uint32_t)lengths[i][0];
        sinks.struct_size = (uint32_t)lengths[i][1];
        ck_assert_int_eq(tenon_plugins_new(&o, &p, &err), 0);
        ck_assert_int_eq(tenon_plugins_get(p, TENON_KIND_MOUNT, "x", &m, &err), 0);
        tenon_plugins_free(p);
    }
    ck_assert_int_eq(tenon_read_file(notes, 100, &said, &err), 0);
    ck_assert_str_eq(tenon_buf_str(&said), "no sinks no check all ");
}
END_TEST

/* ---- who may be inside at once ---------------------------------------------------------------- */

enum { THREADS = 4, ROUNDS = 3000 };

static struct tenon_module *called;
static unsigned inside, most; /* atomic */
static pthread_barrier_t meeting;

static void *
call_often(void *data)
{
    (void)data;
    for (int i = 0; i < ROUNDS; i++) {
        tenon_module_enter(called, "op");
        unsigned n = __atomic_add_fetch(&inside, 1, __ATOMIC_SEQ_CST);
        sched_yield();
        if (n > __atomic_load_n(&most, __ATOMIC_SEQ_CST))
            __atomic_store_n(&most, n, __ATOMIC_SEQ_CST);
        __atomic_sub_fetch(&inside, 1, __ATOMIC_SEQ_CST);
        tenon_module_leave(called);
    }
    return NULL;
}

static void *
call_and_meet(void *data)
{
    (void)data;
    tenon_module_enter(called, "op");
    pthread_barrier_wait(&meeting); /* for ever, if only one may be inside */
    tenon_module_leave(called);
    return NULL;
}

static const struct { const char *name; bool parallel; } models[] = {
    { "0", false }, { "TENON_THREADS_SERIAL", false }, { "TENON_THREADS_INSTANCE", false },
    { "TENON_THREADS_PARALLEL", true },
};

START_TEST(test_abi_threads)
{
    auto_free char *text = tenon_asprintf(
        "#include <tenon-plugin.h>\n"
        "static int at(void *s, struct tenon_ctx *c, const struct tenon_mount_request *r,"
        " struct tenon_mount *o, struct tenon_error *e) { (void)s,(void)c,(void)r,(void)o,(void)e; return -1; }\n"
        "static const struct tenon_mount_ops ops = { .struct_size = sizeof ops, .attach = at };\n"
        "static const struct tenon_plugin p = { TENON_PLUGIN_HEADER(TENON_KIND_MOUNT), .threads = %s,"
        " .key_policy = TENON_KEY_OPTIONS, .name = \"x\", .ops.mount = &ops };\n"
        "TENON_PLUGIN_EXPORT(mount_x, p);\n", models[_i].name);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    pthread_t t[THREADS];
    compile("mount-x", text);
    struct tenon_plugins *p = open_dir(dir_path);
    ck_assert_int_eq(tenon_plugins_get(p, TENON_KIND_MOUNT, "x", &called, &err), 0);
    ck_assert_int_eq(pthread_barrier_init(&meeting, NULL, THREADS), 0);
    inside = most = 0;
    for (size_t i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&t[i], NULL, models[_i].parallel ? call_and_meet : call_often, NULL), 0);
    for (size_t i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_join(t[i], NULL), 0);
    ck_assert_msg(most <= 1, "%s: %u at once", models[_i].name, most);
    pthread_barrier_destroy(&meeting);
    tenon_plugins_free(p);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("plugins-abi");
    TCase *tc = tcase_create("abi");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, test_sized_take_and_give, 0, (int)tenon_countof(sizes));
    tcase_add_loop_test(tc, test_abi_table_of_operations_shorter_and_longer, 0, (int)tenon_countof(kinds));
    tcase_add_test(tc, test_abi_description_shorter_and_longer);
    tcase_add_loop_test(tc, test_abi_key_policy_of_each_kind, 0, (int)tenon_countof(kinds));
    tcase_add_loop_test(tc, test_abi_options_shorter_and_longer, 0, (int)tenon_countof(options));
    tcase_add_loop_test(tc, test_abi_module_without_a_plugin, 0, (int)tenon_countof(modules));
    tcase_add_test(tc, test_abi_file_names_that_are_none);
    tcase_add_loop_test(tc, test_vet_everything_on_the_way, 0, (int)tenon_countof(vetted));
    tcase_add_test(tc, test_vet_files_of_nobody_where_tenon_is);
    tcase_add_test(tc, test_vet_links_on_the_way);
    tcase_add_test(tc, test_vet_modules_that_are_links);
    tcase_add_test(tc, test_module_check_of_answers);
    tcase_add_test(tc, test_module_check_of_a_long_message);
    tcase_add_test(tc, test_abi_init_and_fini);
    tcase_add_test(tc, test_abi_host_shorter);
    tcase_add_loop_test(tc, test_abi_threads, 0, (int)tenon_countof(models));
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
