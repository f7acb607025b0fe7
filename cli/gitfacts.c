/* cli/gitfacts.c - the commit, the remote and the place of a context in its repository, as git
 * itself tells them. */
#include "gitfacts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "cli.h"
#include "tools/alloc.h"
#include "tools/conceal.h"
#include "tools/parse.h"
#include "tools/path.h"

#define LABEL_REVISION "label:org.opencontainers.image.revision"
#define LABEL_SOURCE "label:org.opencontainers.image.source"
#define LABEL_FILE "label:com.docker.image.source.entrypoint"

enum { ARGS_MAX = 16, ANSWER_MAX = 64 << 10 };

struct repository {
    char *git;       /* the program */
    const char *dir; /* of the context */
    char *top;
    char ***options;
    bool labels, info;
};

/* ---- git -------------------------------------------------------------------------------- */

extern char **environ;

static pid_t
start(char *const *argv, int out)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t none, ours;
    pid_t pid = -1;
    sigemptyset(&none); /* a build's threads have theirs blocked, and main ignores this one */
    sigemptyset(&ours);
    sigaddset(&ours, SIGPIPE);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &ours);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, out, 1);
    if (posix_spawn(&pid, argv[0], &actions, &attr, argv, environ) != 0)
        pid = -1;
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attr);
    return pid;
}

/* The first line of its answer, or NULL when it has failed.  Nothing is written to the repository,
 * and neither hooks nor monitors that its configuration names are run; filters are, by `status`:
 * without them git cannot tell what is changed. */
static char *
ask(const struct repository *r, const char *const *words)
{
    const char *argv[ARGS_MAX] = { r->git, "-C", r->dir, "--no-optional-locks",
                                   "-c", "core.fsmonitor=false", "-c", "log.showSignature=false" };
    size_t n = 8;
    for (; *words; words++)
        argv[n++] = *words;
    int ends[2], status = 1;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return NULL;
    auto_close int from = ends[0];
    auto_close int to = ends[1];
    const pid_t pid = start((char *const *)(uintptr_t)argv, to);
    if (pid < 0)
        return NULL;
    close(tenon_steal_fd(&to));
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    if (tenon_read_all(from, ANSWER_MAX, &text, &ignored) < 0)
        kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (ignored.code || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return NULL;
    const char *line = tenon_buf_str(&text);
    return tenon_strndup(line, strcspn(line, "\n"));
}
#define ASK(r, ...) ask(r, (const char *const[]){ __VA_ARGS__, NULL })

static bool
is_dirty(const struct repository *r)
{
    auto_free char *first = ASK(r, "status", "--porcelain", "--ignored");
    return !first || *first;
}

static char *
read_revision(const struct repository *r, bool check_dirty)
{
    auto_free char *commit = ASK(r, "rev-parse", "--verify", "--quiet", "HEAD^{commit}");
    if (!commit || !*commit)
        return NULL;
    return tenon_asprintf("%s%s", commit, check_dirty && is_dirty(r) ? "-dirty" : "");
}

/* Of the branch's own remote, else of one that has a usual name. */
static char *
read_source(const struct repository *r)
{
    auto_free char *head = ASK(r, "symbolic-ref", "-q", "HEAD");
    auto_free char *own = head && *head
                              ? ASK(r, "for-each-ref", "--format=%(upstream:remotename)", head)
                              : NULL;
    const char *const names[] = { own, "origin", "upstream" };
    for (size_t i = 0; i < tenon_countof(names); i++) {
        if (!names[i] || !*names[i])
            continue;
        auto_free char *url = ASK(r, "remote", "get-url", "--", names[i]);
        if (!url || !*url)
            continue;
        char *shown = tenon_url_conceal(url);
        return shown ? shown : tenon_steal(&url);
    }
    return NULL;
}

/* ---- options ---------------------------------------------------------------------------- */

static void
option(const struct repository *r, const char *key, const char *value)
{
    const size_t len = strlen(key);
    for (char **o = *r->options; o && *o; o++)
        if (!strncmp(*o, key, len) && (*o)[len] == '=')
            return;
    tenon_strv_push(r->options, tenon_asprintf("%s=%s", key, value));
}

static void
both(const struct repository *r, const char *label, const char *info, const char *value)
{
    if (value && r->labels)
        option(r, label, value);
    if (value && r->info)
        option(r, info, value);
}

/* Its path in the repository, "." for the top; NULL: outside. */
static const char *
below_top(const struct repository *r, const char *path)
{
    const size_t len = strlen(r->top);
    if (strncmp(path, r->top, len) != 0)
        return NULL;
    if (!path[len])
        return ".";
    return path[len] == '/' ? path + len + 1 : NULL;
}

static void
label_file(const struct repository *r, const struct build_flags *f)
{
    char real[PATH_MAX];
    auto_free char *path = f->file ? tenon_strdup(f->file) : tenon_path_join(r->dir, "Dockerfile");
    char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    if (slash)
        *slash = '\0';
    if (!strcmp(name, "-") || !realpath(!slash ? "." : *path ? path : "/", real))
        return;
    auto_free char *whole = tenon_path_join(real, name);
    const char *below = below_top(r, whole);
    if (below)
        option(r, LABEL_FILE, below);
}

static void
place_directories(const struct repository *r, const struct cli_session *s)
{
    const char *name, *path;
    for (size_t i = 0; (name = cli_session_local(s, i, &path)); i++) {
        const char *below = below_top(r, path);
        auto_free char *key = tenon_asprintf("vcs:localdir:%s", name);
        if (below && *name != '/' && !tenon_has_prefix(name, "oci-layout-"))
            option(r, key, below);
    }
}

/* ---- when ------------------------------------------------------------------------------- */

static bool
is_set(const char *name, bool otherwise)
{
    const char *value = secure_getenv(name);
    bool on = otherwise;
    return value && tenon_parse_bool(value, &on) ? on : otherwise;
}

static bool
wants_labels(void)
{
    return tenon_streq(secure_getenv("BUILDX_GIT_LABELS"), "full") ||
           is_set("BUILDX_GIT_LABELS", false);
}

static void
look(struct repository *r, const struct build_flags *f, const struct cli_session *s)
{
    struct stat st;
    auto_free char *beside = tenon_path_join(r->dir, ".git");
    const bool is_top = stat(beside, &st) == 0;
    r->git = cli_find_program("git", "git passed over");
    r->top = r->git ? ASK(r, "rev-parse", "--show-toplevel") : NULL;
    if (!r->top || !*r->top) {
        if (is_top)
            tenon_log(TENON_LOG_WARNING, "the commit of the context is not known: %s",
                      r->git ? "git does not read its repository" : "git is not installed");
        return;
    }
    auto_free char *revision = read_revision(r, is_set("BUILDX_GIT_CHECK_DIRTY", false));
    auto_free char *source = read_source(r);
    both(r, LABEL_REVISION, "vcs:revision", revision);
    both(r, LABEL_SOURCE, "vcs:source", source);
    if (r->labels)
        label_file(r, f);
    if (r->info)
        place_directories(r, s);
}

void
git_facts_add(const struct build_flags *f, const struct cli_session *s, bool attested,
              char ***options)
{
    char dir[PATH_MAX];
    struct stat st;
    struct repository r = {
        .dir = dir, .options = options,
        .labels = wants_labels(), .info = attested && is_set("BUILDX_GIT_INFO", true),
    };
    if ((!r.labels && !r.info) || !strcmp(f->context, "-") || !realpath(f->context, dir) ||
        stat(dir, &st) < 0 || !S_ISDIR(st.st_mode))
        return;
    look(&r, f, s);
    free(r.git);
    free(r.top);
}
