/* cli/reprocheck.c - see reprocheck.h. */
#include "reprocheck.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "compare/imagediff.h"
#include "reach.h"
#include "tools/alloc.h"
#include "tools/comma.h"

#define SHOWN 10 /* differences; how many more there are is said */

enum which { AS_ASKED, FIRST, SECOND };

struct repro {
    const struct cli *cli;
    const struct build_flags *flags;
    repro_build *build;
    char *dir; /* for everything */
    void (*interrupt)(int); /* what Ctrl-C does when nothing is built */
};

/* ---- one build, in a process of its own -------------------------------------------------- */

/* What changes the bytes of an image, of an output that the user asked for. */
static bool
shapes_image(const char *pair)
{
    static const char *const keys[] = {
        "compression", "compression-level", "force-compression", "oci-mediatypes",
        "rewrite-timestamp",
    };
    const size_t len = strcspn(pair, "=");
    for (size_t i = 0; i < tenon_countof(keys); i++)
        if (strlen(keys[i]) == len && !memcmp(keys[i], pair, len))
            return true;
    return tenon_has_prefix(pair, "annotation");
}

/* A field between quotes, as comma-separated values have it. */
static void
add_quoted(struct tenon_buf *out, const char *field)
{
    tenon_buf_addc(out, '"');
    for (const char *c = field; *c; c++) {
        if (*c == '"')
            tenon_buf_addc(out, '"');
        tenon_buf_addc(out, *c);
    }
    tenon_buf_addc(out, '"');
}

static char *
output_of(const struct repro *r, const char *dest)
{
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    auto_free char *to = tenon_asprintf("dest=%s/%s", r->dir, dest);
    tenon_buf_adds(&text, "type=oci,tar=false,");
    add_quoted(&text, to);
    auto_strv char **fields =
        r->flags->outputs ? tenon_comma_fields(r->flags->outputs[0], NULL) : NULL;
    for (char **f = fields; f && *f; f++)
        if (shapes_image(*f)) {
            tenon_buf_addc(&text, ',');
            add_quoted(&text, *f);
        }
    return tenon_buf_steal(&text);
}

/* Into the process that builds: what it is told. */
static int
build(const struct repro *r, enum which which)
{
    struct build_flags f = *r->flags;
    struct cli cli = *r->cli;
    auto_free char *root = tenon_asprintf("%s/store", r->dir);
    if (which == AS_ASKED)
        return r->build(&cli, &f);
    f.tags = f.outputs = f.cache_to = NULL;
    f.push = f.quiet = false;
    f.sign = NULL;
    f.iidfile = f.metadata_file = NULL;
    auto_free char *output = output_of(r, which == FIRST ? "first" : "second");
    tenon_strv_push(&f.outputs, tenon_strdup(output));
    if (which == FIRST) { /* what the store has now */
        f.no_cache = f.pull = false;
        f.no_cache_filter = NULL;
        f.progress = "none";
        return r->build(&cli, &f);
    }
    struct json_object *jobs = NULL;
    json_object_object_get_ex(cli.config, "jobs", &jobs);
    const int other = jobs && json_object_get_int(jobs) == 1 ? 2 : 1;
    json_object_object_add(cli.config, "jobs", json_object_new_int(other));
    f.no_cache = true;
    f.cache_from = NULL;
    cli.root = root;
    setenv("TMPDIR", r->dir, 1);
    setenv("TZ", "TENON-11:30", 1);
    umask(0077);
    cli_take_umask();
    return r->build(&cli, &f);
}

/* Until it has ended; SIGTERM, which comes to one process alone, is passed on.  Both signals are
 * blocked. */
static int
await_end(pid_t pid, const sigset_t *signals, int *status)
{
    for (;;) {
        const pid_t ended = waitpid(pid, status, WNOHANG);
        if (ended)
            return ended < 0 ? -1 : 0;
        int sig = 0;
        if (sigwait(signals, &sig) == 0 && sig == SIGTERM)
            kill(pid, SIGTERM);
    }
}

/* do_it in a process of its own, and how that ended. */
static int
apart(const struct repro *r, int (*do_it)(const struct repro *r, enum which which),
      enum which which, struct tenon_error *err)
{
    fflush(stdout);
    fflush(stderr);
    sigset_t signals, before;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGCHLD);
    sigprocmask(SIG_BLOCK, &signals, &before);
    const pid_t pid = fork();
    if (pid < 0)
        return tenon_error_sys(err, "start a process");
    if (pid == 0) {
        sigprocmask(SIG_SETMASK, &before, NULL);
        const int result = do_it(r, which);
        fflush(stdout);
        _exit(result);
    }
    int status = 0;
    if (await_end(pid, &signals, &status) < 0)
        return tenon_error_sys(err, "wait for a process");
    sigprocmask(SIG_SETMASK, &before, NULL);
    return WIFEXITED(status) ? WEXITSTATUS(status) : CLI_FAILED;
}

/* Not the second in which the first one ended. */
static void
let_a_second_pass(void)
{
    const time_t now = time(NULL);
    const struct timespec pause = {.tv_nsec = 20000000};
    while (time(NULL) == now)
        nanosleep(&pause, NULL);
}

/* ---- what differs ------------------------------------------------------------------------ */

struct found {
    char *line;  /* the first one that counts */
    int rank;    /* how much it does */
    char *lines[SHOWN];
    size_t count;
    bool times_alone;
};

/* What a step made tells more than a document that says so, and anything more than a time, which
 * is what every build without SOURCE_DATE_EPOCH differs in. */
static int
rank_of(const struct tenon_difference *d)
{
    const bool is_time = d->word == TENON_WORD_TIME;
    return (is_time ? 0 : 2) + (d->layer ? 1 : 0) + 1;
}

static int
take(void *data, const struct tenon_difference *d, struct tenon_error *err)
{
    struct found *f = data;
    (void)err;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    tenon_difference_text(d, &text);
    if (d->word != TENON_WORD_TIME)
        f->times_alone = false;
    if (rank_of(d) > f->rank) {
        f->rank = rank_of(d);
        free(f->line);
        f->line = tenon_strdup(tenon_buf_str(&text));
    }
    if (f->count < SHOWN)
        f->lines[f->count] = tenon_strdup(tenon_buf_str(&text));
    f->count++;
    return 0;
}

static void
put(const char *lead, const char *text)
{
    fputs(lead, stderr);
    cli_put_line(stderr, text);
    putc('\n', stderr);
}

static void
tell(const struct found *f, const char *digest)
{
    if (!f->count) {
        auto_free char *text = tenon_asprintf("reproducible: built twice, it is %s", digest);
        put("", text);
        return;
    }
    put("not reproducible: ", f->line);
    for (size_t i = 0; i < f->count && i < SHOWN; i++)
        if (strcmp(f->lines[i], f->line))
            put("  ", f->lines[i]);
    if (f->count > SHOWN)
        fprintf(stderr, "  and %zu more\n", f->count - SHOWN);
    if (f->times_alone)
        put("hint: ", "SOURCE_DATE_EPOCH=0 in the environment, and rewrite-timestamp=true in -o, "
                      "make the times of both the same");
}

static int
compare(const struct repro *r, struct tenon_error *err)
{
    auto_reach struct tenon_reach reach = {0};
    auto_place struct tenon_place a = TENON_PLACE_INIT, b = TENON_PLACE_INIT;
    auto_free char *one = tenon_asprintf("oci-layout://%s/first", r->dir);
    auto_free char *other = tenon_asprintf("oci-layout://%s/second", r->dir);
    struct found found = {.times_alone = true};
    if (cli_reach_open(r->cli, false, &reach, err) < 0 || tenon_place_parse(one, &a, err) < 0 ||
        tenon_place_parse(other, &b, err) < 0 || tenon_place_find(&reach, &a, err) < 0 ||
        tenon_place_find(&reach, &b, err) < 0)
        return err->code;
    const struct tenon_imagediff x = {.reach = &reach, .a = &a, .b = &b};
    struct tenon_comparison c = {.report = take, .data = &found};
    int rc = tenon_imagediff(&x, &c, err);
    if (rc == 0)
        tell(&found, a.top.digest);
    const int status = found.count ? CLI_FAILED : CLI_OK;
    for (size_t i = 0; i < found.count && i < SHOWN; i++)
        free(found.lines[i]);
    free(found.line);
    return rc < 0 ? rc : status;
}

/* In a process of its own, too: Ctrl-C ends that, and this one removes what is left. */
static int
compare_all(const struct repro *r, enum which which)
{
    (void)which;
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    signal(SIGINT, r->interrupt);
    const int status = compare(r, &err);
    return err.code ? cli_print_error(&err) : status;
}

/* ---- the whole ----------------------------------------------------------------------------- */

static int
refuse(const struct build_flags *f)
{
    if (!strcmp(f->context ? f->context : "", "-") || !strcmp(f->file ? f->file : "", "-"))
        return cli_usage_error("build", "--repro-check: standard input cannot be read twice");
    if (f->check || f->call)
        return cli_usage_error("build", "--repro-check: with --call there is nothing to compare");
    return CLI_OK;
}

static int
all(const struct repro *r, struct tenon_error *err)
{
    int status = CLI_OK;
    for (enum which w = AS_ASKED; w <= SECOND && status == CLI_OK; w++) {
        if (w == SECOND) {
            let_a_second_pass();
            put("", "building it again, without cache and in another place");
        }
        status = apart(r, build, w, err);
    }
    return status == CLI_OK ? apart(r, compare_all, SECOND, err) : status;
}

int
repro_check(const struct cli *cli, const struct build_flags *flags, repro_build *build_one)
{
    int status = refuse(flags);
    if (status)
        return status;
    const char *base = secure_getenv("TMPDIR");
    auto_error struct tenon_error err = TENON_ERROR_INIT, ignored = TENON_ERROR_INIT;
    auto_free char *dir = tenon_asprintf("%s/tenon-repro.XXXXXX", base && *base ? base : "/tmp");
    if (!mkdtemp(dir)) {
        tenon_error_sys(&err, "make %s", dir);
        return cli_print_error(&err);
    }
    /* The builds end by themselves, and what is theirs is removed then. */
    void (*before)(int) = signal(SIGINT, SIG_IGN);
    const struct repro r = {cli, flags, build_one, dir, before};
    status = all(&r, &err);
    if (err.code)
        status = cli_print_error(&err);
    signal(SIGINT, before);
    cli_enter_user_namespace(&ignored); /* whose ids files of the second store have */
    tenon_remove_tree(AT_FDCWD, dir, &ignored);
    return status;
}
