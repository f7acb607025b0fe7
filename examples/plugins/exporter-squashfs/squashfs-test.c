/* What exporter-squashfs refuses before a build, and how it runs programs; what it writes is seen
 * by `tenon build`. */
#include <tenon-plugin-test.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "program.h"

static void
expect(int true_or_not, const char *what)
{
    if (true_or_not)
        return;
    fprintf(stderr, "test: not so: %s\n", what);
    exit(1);
}

/* The host of the test, for program.c: the module has it from init, too. */
static const struct tenon_host *host;

static int
checked(struct tenon_test *t, uint64_t platforms, const char *option)
{
    const char *const pairs[] = { "dest=root.squashfs", option, NULL };
    const struct tenon_values *v = tenon_test_options(t, pairs);
    return v ? tenon_test_plugin(t)->ops.exporter->check(tenon_test_self(t), tenon_test_ctx(t), v,
                                                         platforms, tenon_test_error(t))
             : TENON_E_INVALID;
}

static int
run(struct tenon_test *t, const char *script)
{
    const char *const args[] = { "sh", "-c", script, NULL };
    int root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const struct program p = { .host = host, .path = "/bin/sh", .args = args, .dirfd = root };
    int rc = program_run(&p, tenon_test_ctx(t), tenon_test_error(t));
    close(root);
    return rc;
}

int
main(void)
{
    /* Any program that is there: nothing is made here. */
    static const char *const config[] = { "program=/bin/sh", NULL };
    static const char *const missing[] = { "program=/nowhere/mksquashfs", NULL };
    struct tenon_test *t = tenon_test_open("./exporter-squashfs.so", config);
    expect(t != NULL, "it starts");
    host = tenon_test_host();

    expect(tenon_test_options(t, NULL) == NULL, "dest is required");
    expect(checked(t, 1, NULL) == 0, "one platform");
    expect(checked(t, 2, NULL) == TENON_E_INVALID, "two platforms are refused");
    expect(checked(t, 1, "block-size=5000") == TENON_E_INVALID, "a block has a power of two");
    expect(checked(t, 1, "block-size=64k") == 0, "64k is one");
    expect(checked(t, 1, "compression=rar") == TENON_E_INVALID, "compressions that there are");
    expect(checked(t, 1, "source-date-epoch=yesterday") == TENON_E_INVALID, "seconds are digits");

    expect(run(t, "test \"$PWD\" = / && ! read line") == 0, "a program runs where it should");
    expect(run(t, "echo begin; echo no space left >&2; exit 3") == TENON_E_FAILED, "it fails");
    expect(strstr(tenon_test_message(t), "status 3: no space left") != NULL,
           "and the last line says why");
    expect(run(t, "kill -9 $$") == TENON_E_FAILED && strstr(tenon_test_message(t), "signal 9"),
           "so does a signal");
    tenon_test_cancel(t);
    expect(run(t, "while :; do sleep 1; done") == TENON_E_CANCELLED, "Ctrl-C ends it");
    tenon_test_close(t);

    t = tenon_test_open("./exporter-squashfs.so", missing);
    expect(t != NULL, "it starts without mksquashfs");
    expect(checked(t, 1, NULL) == TENON_E_INVALID && strstr(tenon_test_message(t), "/nowhere"),
           "which is missed before the first step");
    tenon_test_close(t);
    return 0;
}
