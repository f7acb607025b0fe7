/* What exporter-squashfs refuses before a build; what it writes is seen by `tenon build`. */
#include <tenon-plugin-test.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
expect(int true_or_not, const char *what)
{
    if (true_or_not)
        return;
    fprintf(stderr, "test: not so: %s\n", what);
    exit(1);
}

static int
checked(struct tenon_test *t, uint64_t platforms, const char *option)
{
    const char *const pairs[] = { "dest=root.squashfs", option, NULL };
    const struct tenon_values *v = tenon_test_options(t, pairs);
    return v ? tenon_test_plugin(t)->ops.exporter->check(tenon_test_self(t), tenon_test_ctx(t), v,
                                                         platforms, tenon_test_error(t))
             : TENON_E_INVALID;
}

int
main(void)
{
    /* Any program that is there: nothing is made here. */
    static const char *const config[] = { "program=/bin/sh", NULL };
    static const char *const relative[] = { "program=../../../../../../../../bin/sh", NULL };
    static const char *const missing[] = { "program=/nowhere/mksquashfs", NULL };
    struct tenon_test *t = tenon_test_open("./exporter-squashfs.so", config);
    expect(t != NULL, "it starts");

    expect(tenon_test_options(t, NULL) == NULL, "dest is required");
    expect(checked(t, 1, NULL) == 0, "one platform");
    expect(checked(t, 2, NULL) == TENON_E_INVALID, "two platforms are refused");
    expect(checked(t, 1, "block-size=5000") == TENON_E_INVALID, "a block has a power of two");
    expect(checked(t, 1, "block-size=64k") == 0, "64k is one");
    expect(checked(t, 1, "compression=rar") == TENON_E_INVALID, "compressions that there are");
    expect(checked(t, 1, "source-date-epoch=yesterday") == TENON_E_INVALID, "seconds are digits");
    tenon_test_close(t);

    t = tenon_test_open("./exporter-squashfs.so", missing);
    expect(t != NULL, "it starts without mksquashfs");
    expect(checked(t, 1, NULL) == TENON_E_INVALID && strstr(tenon_test_message(t), "/nowhere"),
           "which is missed before the first step");
    tenon_test_close(t);

    /* It is there from here, and would be a program of the image from its tree. */
    t = tenon_test_open("./exporter-squashfs.so", relative);
    expect(t != NULL, "it starts with a relative path");
    expect(checked(t, 1, NULL) == TENON_E_INVALID && strstr(tenon_test_message(t), "no absolute"),
           "which is refused");
    tenon_test_close(t);
    return 0;
}
