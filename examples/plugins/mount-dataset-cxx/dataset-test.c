/* What mount-dataset promises, without a build. */
#define _GNU_SOURCE
#include <tenon-plugin-test.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void
expect(int true_or_not, const char *what)
{
    if (true_or_not)
        return;
    fprintf(stderr, "test: not so: %s\n", what);
    exit(1);
}

static char place[] = "/tmp/datasets.XXXXXX", setting[64];

static const char *
in_place(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", place, name);
    return path;
}

static void
write_file(const char *name, const char *text)
{
    FILE *f = fopen(in_place(name), "w");
    expect(f && fputs(text, f) >= 0 && fclose(f) == 0, name);
}

/* The key, which lives until the next one is asked for. */
static char *
key(struct tenon_test *t, const char *const *options)
{
    const char *k = tenon_test_key(t, options);
    expect(k != NULL, tenon_test_message(t));
    return strdup(k);
}

int
main(void)
{
    static const char *const digits[] = { "name=digits", NULL };
    static const char *const version[] = { "name=digits", "key=version", NULL };
    static const char *const up[] = { "name=..", NULL };
    static const char *const none[] = { "name=letters", NULL };
    expect(mkdtemp(place) != NULL && mkdir(in_place("digits"), 0755) == 0, "a directory");
    write_file("digits/one", "1\n");
    write_file("digits/VERSION", "1\n");
    snprintf(setting, sizeof setting, "root=%s", place);
    const char *const config[] = { setting, NULL };
    struct tenon_test *t = tenon_test_open("./mount-dataset.so", config);
    struct tenon_mount m;
    expect(t != NULL, "it starts");

    expect(tenon_test_attach(t, digits, &m) == 0, "it attaches");
    expect(faccessat(m.fd, "one", R_OK, 0) == 0, "the dataset's file is there");
    expect(m.flags & TENON_MOUNT_RDONLY, "nobody writes to it");
    tenon_test_detach(t, &m);

    expect(tenon_test_options(t, NULL) == NULL, "a name is required");
    expect(tenon_test_attach(t, up, &m) == TENON_E_INVALID, "there is no way out");
    expect(tenon_test_attach(t, none, &m) < 0 && strstr(tenon_test_message(t), "letters"),
           "what is not there is named");

    char *by_content = key(t, digits), *by_version = key(t, version);
    write_file("digits/one", "one\n");
    expect(strcmp(by_content, key(t, digits)) != 0, "the content is in the key");
    expect(strcmp(by_version, key(t, version)) == 0, "and with key=version only that file");
    write_file("digits/VERSION", "2\n");
    expect(strcmp(by_version, key(t, version)) != 0, "that file is");
    tenon_test_close(t);

    unlink(in_place("digits/one")), unlink(in_place("digits/VERSION"));
    rmdir(in_place("digits")), rmdir(place);
    return 0;
}
