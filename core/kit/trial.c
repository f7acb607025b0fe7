/* kit/trial.c - see trial.h: groups of checks in children, and what became of these. */
#include "kit/trial.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "kit/private.h"
#include "tools/alloc.h"
#include "tools/buf.h"

enum { RECORDS_MAX_BYTES = 16 << 20, SAID_MAX_BYTES = 4 << 10 };

/* ---- the report ------------------------------------------------------------- */

__attribute__((format(printf, 4, 5))) static void
add(struct tenon_trial_report *r, enum tenon_trial_outcome outcome,
    const char *name, const char *fmt, ...)
{
    struct tenon_trial_result result = {.outcome = outcome,
                                        .name = tenon_strdup(name)};
    va_list ap;
    va_start(ap, fmt);
    result.text = tenon_vasprintf(fmt, ap);
    va_end(ap);
    tenon_vec_push(&r->results, result);
    r->count[outcome]++;
}

void
tenon_trial_report_release(struct tenon_trial_report *r)
{
    tenon_vec_foreach (x, &r->results) {
        free(x->name);
        free(x->text);
    }
    tenon_vec_release(&r->results);
    free(r->plugin);
    memset(r, 0, sizeof *r);
}

/* What it wrote, the last of it, in one line. */
static char *
said(int fd)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf b = TENON_BUF_INIT;
    const off_t len = lseek(fd, 0, SEEK_END);
    lseek(fd, len > SAID_MAX_BYTES ? len - SAID_MAX_BYTES : 0, SEEK_SET);
    if (tenon_read_all(fd, 2 * SAID_MAX_BYTES, &b, &err) < 0)
        return tenon_strdup("");
    char *text = tenon_strdup(tenon_buf_str(&b));
    size_t end = strlen(text);
    while (end && (text[end - 1] == '\n' || text[end - 1] == ' '))
        text[--end] = 0;
    for (char *p = text; *p; p++)
        if ((unsigned char)*p < ' ')
            *p = ' ';
    return text;
}

/* Reads what the child has written down; *last is what it had begun, or NULL.
 * True: it came to its end. */
static bool
take_records(int fd, struct tenon_trial_report *r, char **last)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf b = TENON_BUF_INIT;
    bool ended = false;
    lseek(fd, 0, SEEK_SET);
    if (tenon_read_all(fd, RECORDS_MAX_BYTES, &b, &err) < 0)
        return false;
    const char *p = tenon_buf_str(&b), *end = p + b.len;
    while (p < end) {
        const char what = *p, *name = p + 1, *text = name + strlen(name) + 1;
        if (text >= end)
            break; /* it died within a record */
        p = text + strlen(text) + 1;
        free(tenon_steal(last));
        if (what == TENON_TRIAL_ENDED)
            ended = true;
        else if (what == TENON_TRIAL_BEGUN)
            *last = tenon_strdup(name);
        else
            add(r, (enum tenon_trial_outcome)(what - TENON_TRIAL_FIRST), name, "%s",
                text);
    }
    return ended;
}

/* ---- children --------------------------------------------------------------- */

static void
work(struct tenon_trial *c, void (*group)(struct tenon_trial *), int out,
     int errors)
{
    dup2(out, STDOUT_FILENO);
    dup2(errors, STDERR_FILENO);
    signal(SIGALRM, SIG_DFL);
    alarm(c->request->seconds);
    group(c);
    tenon_trial_record(c, TENON_TRIAL_ENDED, "", "");
    _exit(0);
}

static void
judge(const struct tenon_trial *c, int status, bool ended, const char *last,
      const char *told, struct tenon_trial_report *r)
{
    const char *where = last ? last : "run";
    const char *sep = *told ? ": " : "";
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
        add(r, TENON_TRIAL_FAILED, where, "no answer within %u s",
            c->request->seconds);
    else if (WIFSIGNALED(status))
        add(r, TENON_TRIAL_FAILED, where, "ended by SIG%s%s%s",
            sigabbrev_np(WTERMSIG(status)), sep, told);
    else if (!ended)
        add(r, TENON_TRIAL_FAILED, where,
            "the process was ended with status %d%s%s", WEXITSTATUS(status),
            sep, told);
}

/* False: something of it failed. */
static int
run(struct tenon_trial *c, void (*group)(struct tenon_trial *),
    struct tenon_trial_report *r, struct tenon_error *err)
{
    auto_close int records = memfd_create("records", MFD_CLOEXEC);
    auto_close int out = memfd_create("stdout", MFD_CLOEXEC);
    auto_close int errors = memfd_create("stderr", MFD_CLOEXEC);
    if (records < 0 || out < 0 || errors < 0)
        return tenon_error_sys(err, "memfd_create");
    const size_t failed = r->count[TENON_TRIAL_FAILED];
    c->record_fd = records;
    fflush(stdout);
    pid_t child = fork();
    if (child < 0)
        return tenon_error_sys(err, "fork");
    if (child == 0)
        work(c, group, out, errors);
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    auto_free char *last = NULL, *told = said(errors), *printed = said(out);
    const bool ended = take_records(records, r, &last);
    judge(c, status, ended, last, told, r);
    if (*printed)
        add(r, TENON_TRIAL_FAILED, "quiet",
            "it prints to standard output, where results go: %s", printed);
    return r->count[TENON_TRIAL_FAILED] == failed;
}

static void
split_path(struct tenon_trial *c, const char *path)
{
    const char *slash = strrchr(path, '/');
    c->dir = tenon_strndup(path, slash > path ? (size_t)(slash - path) : 1);
    c->file = tenon_strdup(slash + 1);
    for (int kind = TENON_KIND_FRONTEND; kind <= TENON_KIND_SCANNER; kind++) {
        auto_free char *prefix =
            tenon_asprintf("%s-", tenon_kind_name((enum tenon_kind)kind));
        size_t len = strlen(c->file), head = strlen(prefix);
        if (tenon_has_prefix(c->file, prefix) &&
            tenon_has_suffix(c->file, ".so") && len > head + 3) {
            c->kind = (enum tenon_kind)kind;
            c->name = tenon_strndup(c->file + head, len - head - 3);
        }
    }
}

int
tenon_trial_run(const struct tenon_trial_request *request,
                   struct tenon_trial_report *out, struct tenon_error *err)
{
    /* Those before `load` are wanted for the rest. */
    static void (*const first[])(struct tenon_trial *) = {tenon_trial_file,
                                                           tenon_trial_words};
    static void (*const rest[])(struct tenon_trial *) = {
        tenon_trial_life,         tenon_trial_config,
        tenon_trial_use,          tenon_trial_use_cancelled,
        tenon_trial_use_faults,   tenon_trial_use_hostile,
        tenon_trial_use_parallel,
    };
    struct tenon_trial c = {.request = request, .record_fd = -1};
    memset(out, 0, sizeof *out);
    split_path(&c, request->path);
    out->plugin = c.kind
                      ? tenon_asprintf("%s-%s", tenon_kind_name(c.kind), c.name)
                      : tenon_strdup("?");
    int rc = 1;
    for (size_t i = 0; rc > 0 && i < tenon_countof(first); i++)
        rc = run(&c, first[i], out, err);
    if (rc == 0)
        add(out, TENON_TRIAL_SKIPPED, "calls",
            "it is not called: what failed comes first");
    for (size_t i = 0; rc > 0 && i < tenon_countof(rest); i++) {
        rc = run(&c, rest[i], out, err);
        rc = rc == 0 ? 1 : rc; /* what one finds hides nothing of the next */
    }
    free(c.dir);
    free(c.file);
    free(c.name);
    return rc < 0 ? rc : TENON_OK;
}
