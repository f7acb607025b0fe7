/* frontend - what a build file costs by its length: the parser alone, and the
 * whole frontend with a host that only writes down.
 *
 *   make -C build bench/frontend/frontend
 *   build/bench/frontend/frontend                 all shapes, as a table
 *   build/bench/frontend/frontend mixed           one shape
 *   valgrind --tool=callgrind build/bench/frontend/frontend mixed 2000 frontend
 *
 * "ratio" is the time a line takes, over that of the shortest file of the shape:
 * 1 is linear.  The last form does the work once, to be counted. */
#include <time.h>

#include "../../tests/unit/dfkit.h"
#include "language/instructions.h"

#define ROUNDS 15

/* ---- files --------------------------------------------------------------- */

/* Each writes the i-th line. */

static void
mixed(struct tenon_buf *b, size_t i)
{
    const size_t stage = i / 50;
    switch (i % 50 % 10) {
    case 0:
        if (i % 50 == 0)
            tenon_buf_addf(b, "FROM busybox AS s%zu\n", stage);
        else
            tenon_buf_addf(b, "WORKDIR /src/part%zu\n", i % 50);
        break;
    case 1:
        tenon_buf_addf(b, "ARG VERSION%zu=1.%zu\n", i % 50, i);
        break;
    case 2:
        tenon_buf_addf(b, "ENV NAME%zu=\"a value\" OTHER='b' PATH=$PATH:/opt/%zu\n", i % 50, i);
        break;
    case 3:
        tenon_buf_addf(b, "COPY --chown=1:1 package%zu.json ${DIR:-src}/ ./\n", i % 1000);
        break;
    case 4:
        tenon_buf_adds(b, "RUN --mount=type=cache,target=/root/.cache set -e && \\\n");
        break;
    case 5:
        tenon_buf_addf(b, "    make -j$(nproc) target%zu\n", i);
        break;
    case 6:
        tenon_buf_addf(b, "LABEL org.example.part%zu=\"part $VERSION\"\n", i % 50);
        break;
    case 7:
        tenon_buf_adds(b, "# a comment, as people write them\n");
        break;
    case 8:
        if (stage)
            tenon_buf_addf(b, "COPY --from=s%zu /out /in%zu\n", stage - 1, i % 50);
        else
            tenon_buf_addf(b, "EXPOSE %zu/tcp\n", 1000 + i);
        break;
    case 9:
        tenon_buf_addf(b, "CMD [\"/bin/server\", \"--port\", \"%zu\"]\n", i);
        break;
    }
}

static void
stages(struct tenon_buf *b, size_t i)
{
    if (i % 2 == 0)
        tenon_buf_addf(b, "FROM busybox AS stage%zu\n", i / 2);
    else if (i == 1)
        tenon_buf_adds(b, "COPY a /a\n");
    else
        tenon_buf_addf(b, "COPY --from=stage%zu /a /a\n", i / 2 - 1);
}

/* One stage below the other. */
static void
chain(struct tenon_buf *b, size_t i)
{
    if (i == 0)
        tenon_buf_adds(b, "FROM busybox AS s0\n");
    else if (i % 20 == 0)
        tenon_buf_addf(b, "FROM s%zu AS s%zu\n", i / 20 - 1, i / 20);
    else
        tenon_buf_addf(b, "RUN echo %zu\n", i);
}

static void
one_stage(struct tenon_buf *b, size_t i, const char *line)
{
    if (i == 0)
        tenon_buf_adds(b, "FROM busybox\n");
    else
        tenon_buf_addf(b, "%s\n", line);
}

#define SHAPE(name, ...)                                                       \
    static void name(struct tenon_buf *b, size_t i)                            \
    {                                                                          \
        auto_free char *line = tenon_asprintf(__VA_ARGS__);                    \
        one_stage(b, i, line);                                                 \
    }
SHAPE(copies, "COPY dir%zu/file /target", i)
SHAPE(images, "COPY --from=image%zu /a /b", i % 7)
SHAPE(runs, "RUN echo \"%zu\" $HOME", i)
SHAPE(envs, "ENV NAME%zu=value", i)
SHAPE(args, "ARG NAME%zu=value", i)
SHAPE(labels, "LABEL name%zu=value", i)
SHAPE(ports, "EXPOSE %zu", i + 1)
SHAPE(volumes, "VOLUME /data/%zu", i)
SHAPE(words, "ENV A=${B:-\"%zu\"}'x'${C:+y}", i)
SHAPE(documents, i % 4 == 0 ? "# %zu" : i % 4 == 1 ? "COPY <<E%zu $HOME/f" :
      i % 4 == 2 ? "text of $HOME %zu" : "E%zu", i / 4)
SHAPE(continued, i % 1000 == 1 ? "RUN echo %zu \\" : i % 1000 ? " && echo %zu \\" :
      " && echo %zu", i)
SHAPE(triggers, "ONBUILD RUN echo %zu", i)
SHAPE(wrong, "FLY %zu", i)

static const struct shape {
    const char *name;
    void (*line)(struct tenon_buf *b, size_t i);
} shapes[] = {
    {"mixed", mixed}, {"stages", stages}, {"chain", chain}, {"copies", copies},
    {"images", images}, {"runs", runs}, {"envs", envs}, {"args", args},
    {"labels", labels}, {"ports", ports}, {"volumes", volumes}, {"words", words},
    {"documents", documents}, {"continued", continued}, {"triggers", triggers},
    {"wrong", wrong},
};

/* ---- work ---------------------------------------------------------------- */

static const struct dfkit_image *
images_known(void)
{
    static const char config[] =
        "{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{\"Env\":[\"PATH=/bin\"]},"
        "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:aa\"]},"
        "\"history\":[{\"created_by\":\"layer\"}]}";
    static const struct dfkit_image known[] = {
        {"docker-image://docker.io/library/busybox:latest", config},
        {"docker-image://docker.io/library/image0:latest", config},
        {"docker-image://docker.io/library/image1:latest", config},
        {"docker-image://docker.io/library/image2:latest", config},
        {"docker-image://docker.io/library/image3:latest", config},
        {"docker-image://docker.io/library/image4:latest", config},
        {"docker-image://docker.io/library/image5:latest", config},
        {"docker-image://docker.io/library/image6:latest", config},
        {NULL, NULL},
    };
    return known;
}

static bool
parse(const struct tenon_buf *text)
{
    auto_df_arena struct df_arena a = DF_ARENA_INIT;
    struct df_problems problems = {0};
    const struct df_file *file = df_file_read(&a, tenon_buf_str(text), text->len, &problems);
    return df_instructions_parse(&a, file, NULL, &problems) != NULL;
}

static bool
build(const struct tenon_buf *text)
{
    static const char *const options[] = {NULL};
    const struct dfkit_file files[] = {
        {"local://dockerfile", "Dockerfile", tenon_buf_str(text)},
        {NULL, NULL, NULL},
    };
    return kit_run(files, images_known(), options) == 0;
}

static double
best_ms(bool (*work)(const struct tenon_buf *), const struct tenon_buf *text)
{
    double best = 0;
    for (int i = 0; i < ROUNDS; i++) {
        struct timespec from, to;
        clock_gettime(CLOCK_MONOTONIC, &from);
        work(text);
        clock_gettime(CLOCK_MONOTONIC, &to);
        double ms = (double)(to.tv_sec - from.tv_sec) * 1e3 +
                    (double)(to.tv_nsec - from.tv_nsec) / 1e6;
        if (i == 0 || ms < best)
            best = ms;
        if (best > 1000) /* there is no more to learn */
            break;
    }
    return best;
}

static void
make_file(struct tenon_buf *b, const struct shape *s, size_t lines)
{
    for (size_t i = 0; i < lines; i++)
        s->line(b, i);
}

static void
table(const struct shape *s)
{
    static const size_t sizes[] = {200, 2000, 20000};
    double first_parse = 0, first_build = 0;
    for (size_t i = 0; i < tenon_countof(sizes); i++) {
        auto_buf struct tenon_buf text = TENON_BUF_INIT;
        make_file(&text, s, sizes[i]);
        double n = (double)sizes[i];
        double parsed = best_ms(parse, &text), built = best_ms(build, &text);
        if (i == 0) {
            first_parse = parsed / n;
            first_build = built / n;
        }
        printf("%-10s %6zu %10.3f %8.2f %10.3f %8.2f\n", s->name, sizes[i], parsed,
               parsed / n / first_parse, built, built / n / first_build);
        fflush(stdout);
    }
}

/* Once, for a program that counts. */
static int
once(const struct shape *s, size_t lines, const char *what)
{
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    make_file(&text, s, lines);
    if (strcmp(what, "print") == 0) {
        fputs(tenon_buf_str(&text), stdout);
        return 0;
    }
    bool ok = strcmp(what, "parser") == 0 ? parse(&text) : build(&text);
    if (!ok && kit.err.message)
        fprintf(stderr, "%s\n", kit.err.message);
    kit_release();
    return !ok;
}

int
main(int argc, char **argv)
{
    const struct shape *only = NULL;
    for (size_t i = 0; argc > 1 && i < tenon_countof(shapes); i++)
        if (strcmp(shapes[i].name, argv[1]) == 0)
            only = &shapes[i];
    if (argc == 4 && only)
        return once(only, strtoul(argv[2], NULL, 10), argv[3]);
    if (argc > 2 || (argc == 2 && !only)) {
        fprintf(stderr, "usage: frontend [SHAPE [LINES parser|frontend|print]]\n");
        return 2;
    }
    printf("%-10s %6s %10s %8s %10s %8s\n", "shape", "lines", "parser ms", "ratio",
           "frontend", "ratio");
    for (size_t i = 0; i < tenon_countof(shapes); i++)
        if (!only || only == &shapes[i])
            table(&shapes[i]);
    kit_release();
    return 0;
}
