/* source-local with a host table of our own. */
#include "unit.h"

#include <stdarg.h>
#include <stdio.h>

#include "../../plugins/source-local/local.c"

static char tmp[64];
static int dir = -1;
static char message[256];
static char asked[64];
static char described[256];
static bool brings; /* the session has directories that are elsewhere */
static void *allocated[64];
static size_t allocated_count;

__attribute__((format(printf, 4, 5))) static int
fake_error(struct tenon_error *err, int code, int sys, const char *fmt, ...)
{
    (void)err, (void)sys;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(message, sizeof message, fmt, ap);
    va_end(ap);
    return code;
}

static int context_code; /* of the error that gets a context */

static int
fake_context(struct tenon_error *err, const char *fmt, ...)
{
    (void)err, (void)fmt;
    return context_code;
}

static void *
fake_alloc(struct tenon_ctx *ctx, size_t size)
{
    (void)ctx;
    ck_assert_uint_lt(allocated_count, tenon_countof(allocated));
    return allocated[allocated_count++] = tenon_calloc(1, size);
}

static char *
fake_strdup(struct tenon_ctx *ctx, const char *s)
{
    return strcpy(fake_alloc(ctx, strlen(s) + 1), s);
}

static int
fake_client_open(struct tenon_ctx *ctx, const char *service, const char *id,
                 struct tenon_error *err)
{
    (void)ctx, (void)err;
    if (strcmp(service, "local-files") == 0) {
        snprintf(described, sizeof described, "%s", id);
        if (!brings)
            return TENON_E_UNSUPPORTED;
        return open(tmp, O_PATH | O_DIRECTORY | O_CLOEXEC);
    }
    ck_assert_str_eq(service, "local");
    snprintf(asked, sizeof asked, "%s", id);
    if (strcmp(id, "none") == 0)
        return context_code = TENON_E_NOT_FOUND;
    return open(tmp, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static void
fake_error_clear(struct tenon_error *err)
{
    (void)err;
}

static const struct tenon_error_api fake_host_error = {
    .struct_size = sizeof fake_host_error,
    .set = fake_error,
    .context = fake_context,
    .clear = fake_error_clear,
};

static const struct tenon_ctx_api fake_host_ctx = {
    .struct_size = sizeof fake_host_ctx,
    .alloc = fake_alloc,
    .strdup = fake_strdup,
};

static const struct tenon_client_api fake_host_client = {
    .struct_size = sizeof fake_host_client,
    .open = fake_client_open,
};

static const struct tenon_host fake_host = {
    .struct_size = sizeof fake_host,
    .error = &fake_host_error,
    .ctx = &fake_host_ctx,
    .client = &fake_host_client,
};

static const struct tenon_source_ops *source;

static void
setup(void)
{
    dir = unit_tmpdir(tmp);
    message[0] = asked[0] = '\0';
    const struct tenon_plugin *p = source_local_LTX_tenon_plugin_query();
    ck_assert_uint_eq(p->magic, TENON_PLUGIN_MAGIC);
    void *self;
    ck_assert_int_eq(p->init(&fake_host, NULL, &self, NULL), 0);
    source = p->ops.source;
}

static void
teardown(void)
{
    while (allocated_count)
        free(allocated[--allocated_count]);
    unit_tmpdir_remove(dir, tmp);
}

START_TEST(test_source_local_resolve_is_in_place_without_key)
{
    struct tenon_source_request req = {.struct_size = sizeof req,
                                       .identifier = "local://context"};
    struct tenon_source_info info = {.struct_size = sizeof info};
    ck_assert_int_eq(source->resolve(NULL, NULL, &req, &info, NULL), 0);
    ck_assert_uint_eq(info.flags, TENON_SOURCE_IN_PLACE);
    ck_assert_ptr_null(info.key);
    req.identifier = "local://";
    ck_assert_int_eq(source->resolve(NULL, NULL, &req, &info, NULL),
                     TENON_E_INVALID);
}
END_TEST

START_TEST(test_source_local_open_tree)
{
    static const char *const attrs[] = {
        "local.unique=x",
        "local.includepattern=[\"a\",\"b\\n\"]",
        "local.excludepatterns=[]",
        "local.followpaths=null",
        NULL,
    };
    struct tenon_source_request req = {.struct_size = sizeof req,
                                       .identifier = "local://context",
                                       .attrs = attrs};
    struct tenon_source_tree out = {.struct_size = sizeof out, .dirfd = -1};
    ck_assert_int_eq(source->open_tree(NULL, NULL, &req, &out, NULL), 0);
    ck_assert_str_eq(asked, "context");
    ck_assert_uint_eq(out.flags, TENON_TREE_OWNER_ROOT);
    ck_assert_int_ge(out.dirfd, 0);
    close(out.dirfd);
    ck_assert_str_eq(out.include[0], "a");
    ck_assert_str_eq(out.include[1], "b\n");
    ck_assert_ptr_null(out.include[2]);
    ck_assert_ptr_null(out.exclude[0]);
    ck_assert_ptr_null(out.follow);
    ck_assert_str_eq(described, "{\"name\":\"context\",\"include\":[\"a\",\"b\\n\"],"
                                "\"exclude\":[],\"follow\":null}");
}
END_TEST

static const char *const bad[] = {
    "local.includepattern={}",       "local.includepattern=\"a\"",
    "local.excludepatterns=[1]",     "local.excludepatterns=[\"a\"",
    "local.followpaths=[\"a\"] x",   "local.followpaths=[\"a\\u0000b\"]",
    "local.followpaths=[[[[[[[]]]]]]]", "local.metadatatransferexclude=[1]",
};

START_TEST(test_source_local_bad_attribute_is_refused)
{
    const char *attrs[] = {bad[_i], NULL};
    struct tenon_source_request req = {.struct_size = sizeof req,
                                       .identifier = "local://context",
                                       .attrs = attrs};
    struct tenon_source_tree out = {.struct_size = sizeof out, .dirfd = -1};
    context_code = TENON_E_INVALID;
    ck_assert_int_eq(source->open_tree(NULL, NULL, &req, &out, NULL),
                     TENON_E_INVALID);
    ck_assert_ptr_nonnull(strstr(message, "local."));
    ck_assert_int_eq(out.dirfd, -1);
}
END_TEST

/* A session that brings files is told which, and of whom. */
START_TEST(test_source_local_elsewhere)
{
    static const char *const attrs[] = {"local.session=s\"1", NULL};
    struct tenon_source_request req = {.struct_size = sizeof req,
                                       .identifier = "local://context",
                                       .attrs = attrs};
    struct tenon_source_tree out = {.struct_size = sizeof out, .dirfd = -1};
    brings = true;
    ck_assert_int_eq(source->open_tree(NULL, NULL, &req, &out, NULL), 0);
    brings = false;
    ck_assert_str_eq(described, "{\"name\":\"context\",\"session\":\"s\\\"1\"}");
    ck_assert_str_eq(asked, "");
    ck_assert_int_ge(out.dirfd, 0);
    close(out.dirfd);
}
END_TEST

/* What only such a session can do: nobody else gives files whole in the place of a list. */
START_TEST(test_source_local_list_of_files)
{
    static const char *const attrs[] = {
        "local.differ=none", "local.followpaths=[\"a\"]", "local.metadatatransfer=true",
        "local.metadatatransferexclude=[\"b\"]", "local.sharedkeyhint=h", NULL,
    };
    struct tenon_source_request req = {.struct_size = sizeof req,
                                       .identifier = "local://context",
                                       .attrs = attrs};
    struct tenon_source_tree out = {.struct_size = sizeof out, .dirfd = -1};
    brings = true;
    ck_assert_int_eq(source->open_tree(NULL, NULL, &req, &out, NULL), 0);
    brings = false;
    ck_assert_str_eq(described, "{\"name\":\"context\",\"hint\":\"h\",\"differ\":\"none\","
                                "\"follow\":[\"a\"],\"metadata-except\":[\"b\"]}");
    ck_assert_ptr_null(out.follow); /* or the list would not be in it */
    close(out.dirfd);
    context_code = TENON_E_UNSUPPORTED;
    ck_assert_int_eq(source->open_tree(NULL, NULL, &req, &out, NULL), TENON_E_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(message, "local.metadatatransfer"));
}
END_TEST

START_TEST(test_source_local_unknown_directory)
{
    struct tenon_source_request req = {.struct_size = sizeof req,
                                       .identifier = "local://none"};
    struct tenon_source_tree out = {.struct_size = sizeof out, .dirfd = -1};
    ck_assert_int_eq(source->open_tree(NULL, NULL, &req, &out, NULL),
                     TENON_E_NOT_FOUND);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("source-local");
    TCase *c = tcase_create("local");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, test_source_local_resolve_is_in_place_without_key);
    tcase_add_test(c, test_source_local_open_tree);
    tcase_add_loop_test(c, test_source_local_bad_attribute_is_refused, 0,
                        tenon_countof(bad));
    tcase_add_test(c, test_source_local_elsewhere);
    tcase_add_test(c, test_source_local_list_of_files);
    tcase_add_test(c, test_source_local_unknown_directory);
    suite_add_tcase(s, c);
    return unit_run(s);
}
