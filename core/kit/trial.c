/* kit/trial.c - see trial.h: groups of checks in children, and what became of these. */
#include "kit/trial.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/io.h"
#include "kit/private.h"
#include "tools/alloc.h"

/* ---- children --------------------------------------------------------------- */

static void
judge(const struct tenon_trial *c, const struct tenon_trial_end *e,
      struct tenon_trial_report *r)
{
    const char *where = e->last ? e->last : "run";
    const char *sep = *e->told ? ": " : "";
    if (e->stray)
        tenon_trial_add(r, TENON_TRIAL_FAILED, where,
                        "it wrote to a descriptor that is not its own");
    else if (e->hangs)
        tenon_trial_add(r, TENON_TRIAL_FAILED, where, "no answer within %u s",
                        c->request->seconds);
    else if (WIFSIGNALED(e->status))
        tenon_trial_add(r, TENON_TRIAL_FAILED, where, "ended by SIG%s%s%s",
                        sigabbrev_np(WTERMSIG(e->status)), sep, e->told);
    else if (!e->ended)
        tenon_trial_add(r, TENON_TRIAL_FAILED, where,
                        "the process was ended with status %d%s%s",
                        WEXITSTATUS(e->status), sep, e->told);
    if (*e->printed)
        tenon_trial_add(r, TENON_TRIAL_FAILED, "quiet",
                        "it prints to standard output, where results go: %s",
                        e->printed);
}

/* False: something of it failed. */
static int
run(struct tenon_trial *c, void (*group)(struct tenon_trial *),
    struct tenon_trial_report *r, struct tenon_error *err)
{
    struct tenon_trial_end end;
    const size_t failed = r->count[TENON_TRIAL_FAILED];
    int rc = tenon_trial_child(c, group, r, &end, err);
    if (rc == 0)
        judge(c, &end, r);
    tenon_trial_end_release(&end);
    return rc < 0 ? rc : r->count[TENON_TRIAL_FAILED] == failed;
}

/* One for all children, some of which come to no end and leave something in it. */
static int
make_temp(struct tenon_trial *c, struct tenon_error *err)
{
    const char *base = secure_getenv("TMPDIR");
    c->temp = tenon_asprintf("%s/tenon-check-XXXXXX", base ? base : "/tmp");
    return mkdtemp(c->temp)
               ? TENON_OK
               : tenon_error_sys(err, "make a temporary directory %s", c->temp);
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
    int rc = make_temp(&c, err) < 0 ? err->code : 1;
    const bool made = rc > 0;
    for (size_t i = 0; rc > 0 && i < tenon_countof(first); i++)
        rc = run(&c, first[i], out, err);
    if (rc == 0)
        tenon_trial_add(out, TENON_TRIAL_SKIPPED, "calls",
            "it is not called: what failed comes first");
    for (size_t i = 0; rc > 0 && i < tenon_countof(rest); i++) {
        rc = run(&c, rest[i], out, err);
        rc = rc == 0 ? 1 : rc; /* what one finds hides nothing of the next */
    }
    if (made) {
        auto_error struct tenon_error ignored = TENON_ERROR_INIT;
        tenon_remove_tree(AT_FDCWD, c.temp, &ignored);
    }
    free(c.temp);
    free(c.dir);
    free(c.file);
    free(c.name);
    return rc < 0 ? rc : TENON_OK;
}
