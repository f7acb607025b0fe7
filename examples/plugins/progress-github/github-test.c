/* What progress-github shows of a small build that fails. */
#define _GNU_SOURCE
#include <tenon-plugin-test.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static void
expect(int true_or_not, const char *what)
{
    if (true_or_not)
        return;
    fprintf(stderr, "test: not so: %s\n", what);
    exit(1);
}

static const struct tenon_progress_ops *ops;
static void *self;

static void
vertex(const char *id, const char *name, int64_t completed_ns, const char *error)
{
    struct tenon_event ev = { .struct_size = sizeof ev, .type = TENON_EVENT_VERTEX, .vertex = id,
                              .name = name, .started_ns = 1, .completed_ns = completed_ns,
                              .duration_ns = completed_ns, .error = error };
    ops->event(self, &ev);
}

static void
output(const char *id, const char *text, size_t len)
{
    struct tenon_event ev = { .struct_size = sizeof ev, .type = TENON_EVENT_LOG, .vertex = id,
                              .data = text, .len = len, .stream = 1 };
    ops->event(self, &ev);
}

/* The guard is another one in each build. */
static void
hide_guard(char *text)
{
    static const char word[] = "::stop-commands::";
    char guard[33] = "";
    char *at = strstr(text, word);
    expect(at && strspn(at + strlen(word), "0123456789abcdef") == 32, "output is guarded");
    memcpy(guard, at + strlen(word), 32);
    while ((at = strstr(text, guard))) {
        *at = '*';
        memmove(at + 1, at + 32, strlen(at + 32) + 1);
    }
}

int
main(void)
{
    static const char *const options[] = { "dir=app", NULL };
    static const struct tenon_source_excerpt place = { .struct_size = sizeof place,
                                                       .filename = "Docker,file", .line = 3 };
    static const struct tenon_source_excerpt *const places[] = { &place };
    struct tenon_test *t = tenon_test_open("./progress-github.so", NULL);
    expect(t != NULL, "it starts");
    ops = tenon_test_plugin(t)->ops.progress;
    self = tenon_test_self(t);
    int fd = memfd_create("log", MFD_CLOEXEC);
    char text[2000];
    expect(ops->open(self, fd, false, tenon_test_options(t, options), tenon_test_error(t)) == 0,
           "it opens");

    vertex("a", "RUN first", 0, NULL);
    vertex("b", "RUN second\n::error::x", 0, NULL);
    output("a", "one\n::error::no", 15);
    output("b", "in between\n", 11);
    output("a", "t so\n", 5);
    output("a", "a \0::error::\n", 13);
    vertex("b", "RUN second\n::error::x", 1500000000, NULL);
    vertex("a", "RUN first", 100000000, "exit code: 1");
    struct tenon_event warning = { .struct_size = sizeof warning, .type = TENON_EVENT_WARNING,
                                   .name = "100% wrong", .filename = "Dockerfile", .line = 2 };
    ops->event(self, &warning);
    const struct tenon_progress_end end = { .struct_size = sizeof end, .status = TENON_E_FAILED,
                                            .error = "failed to solve:\nit is over",
                                            .excerpts = places, .excerpt_count = 1 };
    ops->close(self, &end);

    const int shown = tenon_test_read(fd, text, sizeof text);
    expect(shown > 0, "something is shown");
    for (int i = 0; i < shown; i++)
        if (!text[i])
            text[i] = '0';
    hide_guard(text);
    static const char expected[] =
        "::group::RUN first\n"
        "::stop-commands::*\none\n::*::\n"
        "::stop-commands::*\n::error::not so\n::*::\n"
        "::stop-commands::*\na 0::error::\n::*::\n"
        "ERROR\n::endgroup::\n"
        "::group::RUN second%0A::error::x\n"
        "::stop-commands::*\nin between\n::*::\n"
        "DONE 1.5s\n::endgroup::\n"
        "::warning file=app/Dockerfile,line=2,endLine=2,title=build file::100%25 wrong\n"
        "::error file=app/Docker%2Cfile,line=3,endLine=3,title=tenon build::"
        "failed to solve:%0Ait is over\n";
    expect(strcmp(text, expected) == 0, text);
    tenon_test_close(t);
    return 0;
}
