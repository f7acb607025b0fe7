/* Devices by name (RUN --device), and the entitlements they need. */
#include "unit.h"

#include "context/engine.h"
#include "exec/cdi.h"
#include "exec/exec.h"

static const char first_json[] =
    "{\"cdiVersion\": \"0.6.0\", \"kind\": \"vendor.com/dev\","
    " \"annotations\": {\"org.mobyproject.buildkit.device.class\": \"fast\"},"
    " \"devices\": [{\"name\": \"b\", \"containerEdits\": {}},"
    "               {\"name\": \"a\", \"containerEdits\": {}},"
    "               {\"name\": \"kept\", \"annotations\": "
    "{\"org.mobyproject.buildkit.device.autoallow\": \"false\"}},"
    "               {\"name\": \"slow\", \"annotations\": "
    "{\"org.mobyproject.buildkit.device.class\": \"tape\","
    " \"org.mobyproject.buildkit.device.autoallow\": \"true\"}}]}";
static const char second_json[] =
    "{\"cdiVersion\": \"0.6.0\", \"kind\": \"vendor.com/dev\","
    " \"devices\": [{\"name\": \"a\", \"containerEdits\": {\"env\": [\"LATER=1\"]}}]}";

static char first[64], second[64];
static int first_fd, second_fd;
static struct json_object *dirs, *config;

static void
set_up(void)
{
    first_fd = unit_tmpdir(first);
    second_fd = unit_tmpdir(second);
    unit_write(first_fd, "one.json", first_json);
    unit_write(first_fd, "broken.json", "{");
    unit_write(first_fd, "other.txt", "not looked at");
    unit_write(second_fd, "one.json", second_json);
    dirs = json_object_new_array();
    json_object_array_add(dirs, json_object_new_string(first));
    json_object_array_add(dirs, json_object_new_string(second));
    config = json_object_new_object();
    json_object_object_add(config, "cdi-dirs", dirs);
}

static void
tear_down(void)
{
    json_object_put(config);
    unit_tmpdir_remove(first_fd, first);
    unit_tmpdir_remove(second_fd, second);
}

/* What a name stands for, or one after the other, as "a b ". */
static char *
found(const char *name, const char *more)
{
    auto_cdi struct tenon_cdi c = {0};
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_cdi_found f = {0};
    struct tenon_buf out = TENON_BUF_INIT;
    tenon_cdi_load(&c, dirs);
    if (tenon_cdi_find(&c, name, &f, &err) < 0 ||
        (more && tenon_cdi_find(&c, more, &f, &err) < 0))
        tenon_buf_adds(&out, tenon_status_name(err.code));
    tenon_vec_foreach(d, &f.list)
        tenon_buf_addf(&out, "%s ", strchr((*d)->name, '=') + 1);
    tenon_vec_release(&f.list);
    return tenon_buf_steal(&out);
}

START_TEST(test_cdi_names)
{
    static const char *const table[][3] = {
        { "vendor.com/dev=a", "a " },     { "vendor.com/dev=*", "a b kept slow " },
        { "vendor.com/dev=b", "b a ", "vendor.com/dev=a" },
        { "vendor.com/dev=b", "b ", "vendor.com/dev=b" },
        { "vendor.com/dev=b", "b a kept slow ", "vendor.com/dev=*" },
        { "vendor.com/dev", "a " },       { "vendor.com/dev=tape", "slow " },
        { "vendor.com/dev=fast", "b kept " },
        { "vendor.com/dev=none", "not found" },   { "vendor.com/none", "not found" },
        { "fast", "b kept " }, { "tape", "slow " }, { "dev", "not found" },
        { "nonsense", "not found" }, { "", "invalid" },      { "1vendor/dev", "invalid" },
        { "a/b/c=d", "invalid" },
    };
    for (size_t i = 0; i < tenon_countof(table); i++) {
        auto_free char *got = found(table[i][0], table[i][2]);
        ck_assert_msg(!strcmp(got, table[i][1]), "%s: got %s", table[i][0], got);
    }
}
END_TEST

START_TEST(test_cdi_later_directory_wins_and_broken_files_are_told)
{
    auto_cdi struct tenon_cdi c = {0};
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_cdi_found f = {0};
    tenon_cdi_load(&c, dirs);
    ck_assert_int_eq(tenon_cdi_find(&c, "vendor.com/dev=a", &f, &err), 0);
    ck_assert_uint_eq(f.list.items[0]->dir, 1);
    ck_assert_int_eq(tenon_cdi_find(&c, "vendor.com/none", &f, &err), TENON_E_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(err.hint, "broken.json"));
    tenon_vec_release(&f.list);
}
END_TEST

#ifdef HAVE_YAML
START_TEST(test_cdi_yaml_is_read_as_json_is)
{
    auto_cdi struct tenon_cdi c = {0};
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_cdi_found f = {0};

    unit_write(second_fd, "two.yaml", "cdiVersion: \"0.6.0\"\nkind: yaml.com/dev\nannotations:\n"
               "  org.mobyproject.buildkit.device.autoallow: true\ndevices:\n- name: x\n");
    unit_write(second_fd, "wrong.yaml", "kind: &a yaml.com/other\ndevices: *a\n");
    tenon_cdi_load(&c, dirs);
    ck_assert_int_eq(tenon_cdi_find(&c, "yaml.com/dev=x", &f, &err), 0);
    ck_assert(tenon_cdi_is_free(f.list.items[0]));
    ck_assert(c.broken && strstr(c.broken, "broken.json"));
    tenon_vec_release(&f.list);
}
END_TEST
#endif

static int
allowed(const char *entitlement, const char *device, const char *optional)
{
    const char *const entitlements[] = { entitlement, NULL };
    const struct tenon_pair devices[] = { { device, optional } };
    struct tenon_engine e = { .entitlements = entitlements, .config = config };
    struct tenon_vertex v = { .op = { .type = TENON_OP_EXEC } };
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    v.op.exec.devices = devices;
    v.op.exec.device_count = 1;
    return tenon_exec_check_entitled(&e, &v, &err);
}

START_TEST(test_cdi_grants)
{
    static const struct {
        const char *entitlement, *device, *optional;
        int wanted;
    } table[] = {
        { NULL, "vendor.com/dev=a", "", TENON_E_DENIED },
        { "device", "vendor.com/dev=a", "", 0 },
        { "device=vendor.com/dev=a", "vendor.com/dev=a", "", 0 },
        { "device=vendor.com/dev=b", "vendor.com/dev=a", "", TENON_E_DENIED },
        { "device=vendor.com/dev=*", "vendor.com/dev=a", "", 0 },
        { "device=vendor.com/dev=a", "vendor.com/dev=*", "", TENON_E_DENIED },
        { "device=vendor.com/dev=a,alias=mine", "mine", "", 0 },
        { "device=vendor.com/dev=a,alias=mine", "vendor.com/dev=a", "", TENON_E_DENIED },
        { NULL, "vendor.com/dev=slow", "", 0 }, /* its file says so */
        { NULL, "vendor.com/dev=kept", "", TENON_E_DENIED }, /* says that it is not so */
        { NULL, "vendor.com/none", "", TENON_E_NOT_FOUND },
        { NULL, "vendor.com/none", "optional", 0 },
        { NULL, "gpu", "optional", 0 }, /* a class, on a machine without */
    };
    for (size_t i = 0; i < tenon_countof(table); i++) {
        int got = allowed(table[i].entitlement, table[i].device, table[i].optional);
        ck_assert_msg(got == table[i].wanted, "%zu: %d", i, got);
    }
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("exec-cdi");
    TCase *t = tcase_create("cdi");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, test_cdi_names);
    tcase_add_test(t, test_cdi_later_directory_wins_and_broken_files_are_told);
    tcase_add_test(t, test_cdi_grants);
#ifdef HAVE_YAML
    tcase_add_test(t, test_cdi_yaml_is_read_as_json_is);
#endif
    suite_add_tcase(s, t);
    return unit_run(s);
}
