/* storekit.h - an empty store in a directory of its own, for each test of the store. */
#ifndef TENON_TEST_STOREKIT_H
#define TENON_TEST_STOREKIT_H

#include "unit.h"

#include "store/store.h"

static char dir_path[64];
static int dir_fd = -1;
static struct tenon_store *store;

/* Of a function that has a struct tenon_error err. */
#define OK(call)                                                                     \
    do {                                                                             \
        tenon_error_release(&err);                                                   \
        ck_assert_msg((call) >= 0, "%s: %s", #call, err.message ? err.message : ""); \
    } while (0)

static void
setup(void)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    dir_fd = unit_tmpdir(dir_path);
    OK(tenon_store_open(dir_path, &store, &err));
}

static void
teardown(void)
{
    umask(022);
    tenon_store_close(store);
    store = NULL;
    unit_tmpdir_remove(dir_fd, dir_path);
}

#endif
