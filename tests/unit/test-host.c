/* The host table over a store: blobs that somebody writes, and directories that are
 * kept for sources. */
#include "unit.h"

#include "base/digest.h"
#include "context/ctx.h"
#include "context/engine.h"
#include "engine/host.h"
#include "engine/host_store.h"
#include "store/store.h"

static char store_path[64];
static int store_dir;
static struct tenon_engine engine;
static struct tenon_error err;

static void
setup(void)
{
    err = (struct tenon_error)TENON_ERROR_INIT;
    engine = (struct tenon_engine){0};
    store_dir = unit_tmpdir(store_path);
    ck_assert_msg(tenon_store_open(store_path, &engine.store, &err) == 0, "%s", err.message);
}

static void
teardown(void)
{
    tenon_engine_release(&engine);
    tenon_store_close(engine.store);
    unit_tmpdir_remove(store_dir, store_path);
    tenon_error_release(&err);
}

static int
new_blob(struct tenon_ctx *ctx, const char *text)
{
    int fd = tenon_engine_host()->blobs->create(ctx, &err);
    ck_assert_msg(fd >= 0, "%s", err.message);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    return fd;
}

START_TEST(test_host_blob_of_another_digest_is_refused)
{
    auto_ctx struct tenon_ctx *ctx = tenon_ctx_new(&engine, NULL, NULL, NULL);
    struct tenon_digest right, wrong;
    tenon_digest_of("right", 5, &right);
    tenon_digest_of("wrong", 5, &wrong);
    ck_assert_ptr_null(
        tenon_engine_host()->blobs->commit(ctx, new_blob(ctx, "right"), wrong.str, &err));
    ck_assert_int_eq(err.code, TENON_E_CORRUPT);
    ck_assert_ptr_nonnull(strstr(err.message, right.str));
    ck_assert_ptr_nonnull(strstr(err.message, wrong.str));
    tenon_error_release(&err);
    ck_assert_str_eq(tenon_engine_host()->blobs->commit(ctx, new_blob(ctx, "right"), right.str,
                                                        &err),
                     right.str);
    ck_assert_str_eq(tenon_engine_host()->blobs->commit(ctx, new_blob(ctx, "wrong"), NULL, &err),
                     wrong.str);
}
END_TEST

/* One at a time: who comes second waits, and here has no time to. */
START_TEST(test_host_kept_directory_is_for_one)
{
    const struct tenon_store_api *api = tenon_store_api();
    struct tenon_cancel *over = tenon_cancel_new(NULL);
    tenon_cancel_fire(over);
    struct tenon_ctx *first = tenon_ctx_new(&engine, NULL, NULL, NULL);
    struct tenon_ctx *second = tenon_ctx_new(&engine, NULL, over, NULL);
    int fd = api->enter(first, "git", &err);
    ck_assert_msg(fd >= 0, "%s", err.message);
    ck_assert_int_eq(api->enter(second, "git", &err), TENON_E_CANCELLED);
    tenon_error_release(&err);
    int other = api->enter(second, "another", &err);
    ck_assert_msg(other >= 0, "%s", err.message);
    api->leave(first, fd);
    ck_assert_msg(api->enter(second, "git", &err) >= 0, "%s", err.message);
    /* Left with the work that entered it, if not before. */
    ck_assert_msg(api->enter(first, "third", &err) >= 0, "%s", err.message);
    ck_assert_int_eq(api->enter(second, "third", &err), TENON_E_CANCELLED);
    tenon_error_release(&err);
    tenon_ctx_free(first);
    ck_assert_msg(api->enter(second, "third", &err) >= 0, "%s", err.message);
    tenon_ctx_free(second);
    tenon_cancel_free(over);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("host");
    TCase *t = tcase_create("host");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, test_host_blob_of_another_digest_is_refused);
    tcase_add_test(t, test_host_kept_directory_is_for_one);
    suite_add_tcase(s, t);
    return unit_run(s);
}
