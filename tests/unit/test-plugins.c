/* Finding, vetting and opening plugins: the modules of this build, and
 * hand-made wrong ones. */
#include "unit.h"

#include <sys/wait.h>

#include "plugin/plugins.h"

static const struct tenon_host no_services = { .struct_size = sizeof no_services };

static char dir_path[64];
static int dir_fd = -1;

static void
setup(void)
{
    dir_fd = unit_tmpdir(dir_path);
}

static void
teardown(void)
{
    unit_tmpdir_remove(dir_fd, dir_path);
}

static struct tenon_plugins *
open_dir(const char *builtin)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_plugins *p = NULL;
    struct tenon_plugins_options o = {
        .dirs = (const char *[]){ dir_path, NULL }, .builtin_dir = builtin, .host = &no_services,
    };
    ck_assert_msg(tenon_plugins_new(&o, &p, &err) == 0, "%s", err.message);
    return p;
}

/* Compile a module from C text; the compiler that built us is there. */
static void
compile(const char *name, const char *body)
{
    unit_write(dir_fd, "m.c", body);
    auto_free char *command =
        tenon_asprintf("cc -shared -fPIC -I%s/core/include -o %s/%s.so %s/m.c && chmod 644 %s/%s.so",
                       getenv("abs_top_srcdir") ? getenv("abs_top_srcdir") : ".", dir_path, name,
                       dir_path, dir_path, name);
    ck_assert_int_eq(system(command), 0);
}

#define MOUNT_TEXT(extra)                                                         \
    "#include <tenon-plugin.h>\n"                                                 \
    "static int at(void *s, struct tenon_ctx *c, const struct tenon_mount_request *r,"  \
    " struct tenon_mount *o, struct tenon_error *e) { (void)s,(void)c,(void)r,(void)o,(void)e; return -1; }\n" \
    "static const struct tenon_mount_ops ops = { .struct_size = sizeof ops, .attach = at };\n" \
    "static const struct tenon_plugin p = { TENON_PLUGIN_HEADER(TENON_KIND_MOUNT),"     \
    " .key_policy = TENON_KEY_OPTIONS, .name = \"x\", .ops.mount = &ops, " extra " };\n" \
    "TENON_PLUGIN_EXPORT(mount_x, p);\n"

static int
get(struct tenon_plugins *p, const char *name, struct tenon_error *err)
{
    struct tenon_module *m = NULL;
    return tenon_plugins_get(p, TENON_KIND_MOUNT, name, &m, err);
}

START_TEST(test_plugins_good_module_loads_with_defaults)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    compile("mount-x", MOUNT_TEXT(""));
    struct tenon_plugins *p = open_dir(NULL);
    struct tenon_module *m = NULL;
    ck_assert_msg(tenon_plugins_get(p, TENON_KIND_MOUNT, "x", &m, &err) == 0, "%s", err.message);
    ck_assert_uint_eq(m->plugin.threads, TENON_THREADS_SERIAL);
    ck_assert_str_eq(m->plugin.summary, "");
    /* failure without a word becomes a bug with the plugin's name */
    int rc = m->plugin.ops.mount->attach(m->self, NULL, NULL, NULL, &err);
    ck_assert_int_eq(tenon_module_check(m, "attach", rc, &err), TENON_E_BUG);
    ck_assert_str_eq(err.message, "mount-x: attach failed without saying why");
    tenon_plugins_free(p);
}
END_TEST

static const struct {
    const char *extra, *message;
} refused[] = {
    { ".abi_major = 77", "made for interface 77" },
    { ".abi_minor = 3", "made for interface 0.3, this tenon has" },
    { ".need_minor = 999", "it needs interface" },
    { ".need_minor = TENON_ABI_MINOR + 1", "it needs interface" },
    { ".abi_major = TENON_ABI_MAJOR + 1", "made for interface" },
    { ".flags = 0x8000", "flags this tenon does not know" },
    { ".key_policy = 0", "it does not declare key_policy" },
    { ".key_policy = TENON_KEY_CONTENT", "key_policy CONTENT needs cache_key" },
    { ".name = \"other\"", "inside it says mount-other" },
    { ".kind = TENON_KIND_CACHE", "inside it says cache-x" },
    { ".magic = 1", "magic number" },
    { ".flags = 1", "flags this tenon does not know" },
    { ".threads = 5", "unknown thread model" },
    { ".ops.mount = 0", "no table of operations" },
    { ".reserved = 1", "flags this tenon does not know" },
    { ".key_policy = 5", "unknown key_policy" },
    { ".options = (const struct tenon_param[]){ { .name = \"o\", .type = 9 }, { .name = 0 } }",
      "an option has a type or flags this tenon does not know" },
    { ".options = (const struct tenon_param[]){ { .name = \"o\", .type = 1, .flags = 64 }, { .name = 0 } }",
      "an option has a type or flags this tenon does not know" },
    { ".config = (const struct tenon_param[]){ { .name = \"o\" }, { .name = 0 } }",
      "an option has a type or flags this tenon does not know" },
    { ".ops.mount = &(const struct tenon_mount_ops){ .struct_size = sizeof ops, .flags = 1, .attach = at }",
      "its table of operations has flags this tenon does not know" },
};

START_TEST(test_plugins_wrong_module_is_refused)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_free char *text = tenon_strdup(MOUNT_TEXT("@"));
    auto_free char *head = tenon_strndup(text, (size_t)(strchr(text, '@') - text));
    auto_free char *body = tenon_asprintf("#pragma GCC diagnostic ignored \"-Woverride-init\"\n%s%s%s",
                                          head, refused[_i].extra, strchr(text, '@') + 1);
    compile("mount-x", body);
    struct tenon_plugins *p = open_dir(NULL);
    ck_assert_int_lt(get(p, "x", &err), 0);
    ck_assert_msg(strstr(err.message, refused[_i].message) != NULL, "%s", err.message);
    tenon_plugins_free(p);
}
END_TEST

/* What a later tenon may add, and a plugin may know of. */
static const char *const accepted[] = {
    ".need_minor = TENON_ABI_MINOR", ".abi_minor = 999", ".flags = 0x10000", ".flags = 0x80000000",
    ".threads = TENON_THREADS_INSTANCE", ".key_policy = TENON_KEY_VOLATILE",
};

START_TEST(test_plugins_right_module_is_accepted)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_free char *text = tenon_strdup(MOUNT_TEXT("@"));
    auto_free char *head = tenon_strndup(text, (size_t)(strchr(text, '@') - text));
    auto_free char *body = tenon_asprintf("#pragma GCC diagnostic ignored \"-Woverride-init\"\n%s%s%s",
                                          head, accepted[_i], strchr(text, '@') + 1);
    compile("mount-x", body);
    struct tenon_plugins *p = open_dir(NULL);
    ck_assert_msg(get(p, "x", &err) == 0, "%s: %s", accepted[_i], err.message);
    tenon_plugins_free(p);
}
END_TEST

START_TEST(test_plugins_missing_names_the_package)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    compile("mount-x", MOUNT_TEXT(""));
    struct tenon_plugins *p = open_dir(NULL);
    ck_assert_int_eq(get(p, "y", &err), TENON_E_NOT_FOUND);
    ck_assert_str_eq(err.message, "no mount plugin \"y\" (did you mean x?)");
    ck_assert_str_eq(err.hint, "there are: x"); /* nobody packs a y */
    tenon_error_release(&err);
    ck_assert_int_eq(get(p, "ssh", &err), TENON_E_NOT_FOUND);
    ck_assert_str_eq(err.hint, "is the package tenon-plugin-mount-ssh installed?");
    ck_assert(!tenon_plugin_is_bundled(TENON_KIND_MOUNT, "ss"));
    ck_assert(!tenon_plugin_is_bundled(TENON_KIND_SOURCE, "ssh"));
    tenon_plugins_free(p);
}
END_TEST

START_TEST(test_plugins_undefined_symbol_is_named)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    compile("mount-x", "int nowhere_to_be_found(void);\n"
                       "int (*force)(void) = nowhere_to_be_found;\n" MOUNT_TEXT(""));
    struct tenon_plugins *p = open_dir(NULL);
    ck_assert_int_lt(get(p, "x", &err), 0);
    ck_assert_msg(strstr(err.message, "nowhere_to_be_found") != NULL, "%s", err.message);
    tenon_plugins_free(p);
}
END_TEST

START_TEST(test_plugins_writable_by_others_is_refused)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    compile("mount-x", MOUNT_TEXT(""));
    ck_assert_int_eq(fchmodat(dir_fd, "mount-x.so", 0666, 0), 0);
    struct tenon_plugins *p = open_dir(NULL);
    ck_assert_int_eq(get(p, "x", &err), TENON_E_DENIED);
    ck_assert_msg(strstr(err.message, "others may write") != NULL, "%s", err.message);
    ck_assert_msg(strstr(err.hint, "chmod go-w") != NULL, "%s", err.hint);
    tenon_plugins_free(p);
}
END_TEST

/* What the link is called counts; where it leads was looked at. */
START_TEST(test_plugins_link_is_opened)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    compile("mount-x", MOUNT_TEXT(""));
    ck_assert_int_eq(renameat(dir_fd, "mount-x.so", dir_fd, "real"), 0);
    ck_assert_int_eq(symlinkat("real", dir_fd, "mount-x.so"), 0);
    struct tenon_plugins *p = open_dir(NULL);
    ck_assert_msg(get(p, "x", &err) == 0, "%s", err.message);
    tenon_plugins_free(p);
}
END_TEST

START_TEST(test_plugins_relative_directory_is_refused)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_plugins *p = NULL;
    struct tenon_plugins_options o = { .env_path = "plugins", .host = &no_services };
    ck_assert_int_eq(tenon_plugins_new(&o, &p, &err), TENON_E_INVALID);
}
END_TEST

START_TEST(test_plugins_first_directory_shadows)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    compile("mount-x", MOUNT_TEXT(""));
    struct tenon_plugins *p = open_dir(dir_path); /* the same once more, as the last */
    const struct tenon_plugin_file *files;
    size_t n;
    ck_assert_int_eq(tenon_plugins_list(p, &files, &n, &err), 0);
    ck_assert_uint_eq(n, 2);
    ck_assert(!files[0].shadowed);
    ck_assert(files[1].shadowed);
    tenon_plugins_free(p);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("plugins");
    TCase *tc = tcase_create("plugins");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, test_plugins_good_module_loads_with_defaults);
    tcase_add_loop_test(tc, test_plugins_wrong_module_is_refused, 0,
                        (int)(sizeof refused / sizeof refused[0]));
    tcase_add_loop_test(tc, test_plugins_right_module_is_accepted, 0,
                        (int)(sizeof accepted / sizeof accepted[0]));
    tcase_add_test(tc, test_plugins_missing_names_the_package);
    tcase_add_test(tc, test_plugins_undefined_symbol_is_named);
    tcase_add_test(tc, test_plugins_writable_by_others_is_refused);
    tcase_add_test(tc, test_plugins_link_is_opened);
    tcase_add_test(tc, test_plugins_relative_directory_is_refused);
    tcase_add_test(tc, test_plugins_first_directory_shadows);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
