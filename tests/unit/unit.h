/* unit.h - what every unit test program wants. */
#ifndef TENON_TEST_UNIT_H
#define TENON_TEST_UNIT_H

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/io.h"
#include "tools/alloc.h"

/* Check's own is 4 s, and a machine may have much else to do: what hangs is ended all the
 * same.  Read when a test case is made. */
__attribute__((constructor, unused)) static void
unit_patience(void)
{
    setenv("CK_DEFAULT_TIMEOUT", "60", 0);
    setenv("CK_TIMEOUT_MULTIPLIER", "5", 0);
}

/* Run the suite; the value of main().  CK_FORK=no is honoured by check. */
__attribute__((unused)) static int
unit_run(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* TSan makes what one thread does some twenty times as slow, and finds nothing in it. */
#ifdef __SANITIZE_THREAD__
#define UNIT_MANY(many, under_tsan) (under_tsan)
#else
#define UNIT_MANY(many, under_tsan) (many)
#endif

/* Say that a part of a test could not be done here: "what: why".  scripts/check
 * lists these, and in CI tests/may-skip says which there may be. */
__attribute__((unused)) static void
unit_not_tried(const char *what_and_why)
{
    fprintf(stderr, "NOT TRIED: %s\n", what_and_why);
}

/* The end of a child that a test made (flush before the fork): what it ran counts as
 * covered.  Leaks cannot be looked for inside of namespaces. */
__attribute__((unused, noreturn)) static void
unit_exit(int status)
{
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
    _exit(status);
#else
    exit(status);
#endif
}

/* A template for mkdtemp, in $TMPDIR where that fits. */
__attribute__((unused)) static void
unit_tmpname(char path[64])
{
    const char *dir = getenv("TMPDIR");
    snprintf(path, 64, "%s/tenon-unit-XXXXXX", dir && *dir && strlen(dir) < 40 ? dir : "/tmp");
}

/* A new empty directory, and its removal. */
__attribute__((unused)) static int
unit_tmpdir(char path[64])
{
    unit_tmpname(path);
    ck_assert_ptr_nonnull(mkdtemp(path));
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    return fd;
}

__attribute__((unused)) static void
unit_tmpdir_remove(int fd, const char *path)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    close(fd);
    ck_assert_int_eq(tenon_remove_tree(AT_FDCWD, path, &err), 0);
}

__attribute__((unused)) static void
unit_write(int dirfd, const char *name, const char *text)
{
    auto_close int fd =
        openat(dirfd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

#endif
