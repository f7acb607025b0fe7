/* base/programtext.c - see programtext.h. */
#include "base/programtext.h"

#include <ctype.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/runprogram.h"
#include "base/sized.h"
#include "tools/alloc.h"
#include "tools/buf.h"
#include "tools/comma.h"
#include "tools/vec.h"

enum {
    LINE_MAX_BYTES = 4096, /* a longer one is told in parts */
    KEPT_BYTES = 2048,     /* of its standard error, for the message */
};

struct saying {
    const struct tenon_program *p;
    const struct tenon_program_talk *talk;
    void *data;
    struct tenon_buf line[2]; /* of each stream, so far */
    struct tenon_buf kept;    /* the last of its standard error */
    bool has_status;
};

static const char *
digits_before(const char *line, const char *end)
{
    while (end > line && isdigit((unsigned char)end[-1]))
        end--;
    return end;
}

/* "42%" or "42.5%" in a line: 42; -1: there is none. */
static int64_t
percent_in(const char *line)
{
    const char *end = strchr(line, '%');
    if (!end)
        return -1;
    const char *from = digits_before(line, end);
    if (from < end && from > line && from[-1] == '.') {
        end = from - 1;
        from = digits_before(line, end);
    }
    if (from == end || end - from > 3)
        return -1;
    int64_t n = 0;
    for (; from < end; from++)
        n = n * 10 + (*from - '0');
    return n > 100 ? -1 : n;
}

static void
end_line(struct saying *s, struct tenon_buf *line)
{
    const bool shows = s->p->output == TENON_PROGRAM_STATUS && s->p->status_id;
    const int64_t percent = shows ? percent_in(tenon_buf_str(line)) : -1;
    if (percent >= 0) {
        s->talk->status(s->data, s->p->status_id, percent);
        s->has_status = true;
    } else if (line->len) {
        s->talk->line(s->data, tenon_buf_str(line));
    }
    line->len = 0;
}

static void
add_lines(struct saying *s, struct tenon_buf *line, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\n' || text[i] == '\r') {
            end_line(s, line);
            continue;
        }
        tenon_buf_add(line, &text[i], 1);
        if (line->len == LINE_MAX_BYTES)
            end_line(s, line);
    }
}

static void
keep_last(struct tenon_buf *kept, const char *text, size_t len)
{
    tenon_buf_add(kept, text, len);
    if (kept->len <= KEPT_BYTES)
        return;
    memmove(kept->data, kept->data + kept->len - KEPT_BYTES, KEPT_BYTES);
    kept->len = KEPT_BYTES;
}

static void
hear(void *data, int stream, const void *text, size_t len)
{
    struct saying *s = data;
    if (stream == 2)
        keep_last(&s->kept, text, len);
    if (s->p->output == TENON_PROGRAM_STEP)
        s->talk->output(s->data, stream, text, len);
    else if (s->p->output != TENON_PROGRAM_DROP)
        add_lines(s, &s->line[stream - 1], text, len);
}

/* Its last words, on one line; of what was cut the first line is none. */
static char *
last_words(const struct tenon_buf *kept)
{
    auto_free char *text = tenon_strndup(kept->len ? (const char *)kept->data : "", kept->len);
    size_t len = strlen(text);
    while (len && isspace((unsigned char)text[len - 1]))
        text[--len] = '\0';
    char *from = kept->len == KEPT_BYTES ? strchr(text, '\n') : NULL;
    from = from ? from + 1 : text;
    auto_buf struct tenon_buf out = TENON_BUF_INIT;
    for (; *from; from++) {
        if (*from == '\n')
            tenon_buf_adds(&out, "; ");
        else if (*from != '\r')
            tenon_buf_add(&out, from, 1);
    }
    return tenon_buf_steal(&out);
}

static int
say_failed(const struct saying *s, int status, struct tenon_error *err)
{
    auto_free char *words = last_words(&s->kept);
    auto_free char *how = WIFSIGNALED(status)
                              ? tenon_asprintf("killed by signal %d", WTERMSIG(status))
                              : tenon_asprintf("exit code %d", WEXITSTATUS(status));
    return tenon_error_set(err, TENON_E_FAILED, "%s: %s%s%s", s->p->argv[0], how,
                           *words ? ": " : "", words);
}

/* The little that programs expect; the user's own environment is the user's. */
static char **
plain_env(void)
{
    static const char *const names[] = {"PATH", "HOME"};
    char **env = NULL;
    for (size_t i = 0; i < tenon_countof(names); i++) {
        const char *value = secure_getenv(names[i]);
        if (value)
            tenon_strv_push(&env, tenon_asprintf("%s=%s", names[i], value));
    }
    tenon_strv_push(&env, tenon_strdup("LC_ALL=C"));
    return env;
}

char *
tenon_program_need(const char *name, const char *package, struct tenon_error *err)
{
    if (*name != '/' && strchr(name, '/')) { /* looked at here, run elsewhere */
        tenon_error_set(err, TENON_E_BUG, "program \"%s\": a path has to be absolute, for it would "
                        "be another file in the directory that the program begins in", name);
        return NULL;
    }
    char *path = tenon_program_find(name);
    if (path)
        return path;
    tenon_error_set(err, TENON_E_NOT_FOUND, "program \"%s\" is not there", name);
    if (package)
        tenon_error_hint(err, "install the package %s", package);
    return NULL;
}

static int
check(const struct tenon_program *p, struct tenon_error *err)
{
    if (!p->argv || !p->argv[0] || p->flags || p->reserved || p->output > TENON_PROGRAM_DROP)
        return tenon_error_set(err, TENON_E_BUG, "a program without arguments, or with flags that "
                               "this tenon does not know");
    for (size_t i = 0; i < p->fd_count; i++)
        if (p->fds[i].fd < 0 || p->fds[i].as < 0 || p->fds[i].as > 1000)
            return tenon_error_set(err, TENON_E_BUG, "%s: no descriptor for number %d", p->argv[0],
                                   p->fds[i].as);
    return TENON_OK;
}

int
tenon_program_serve(const struct tenon_program *theirs, struct tenon_cancel *cancel,
                    const struct tenon_program_talk *talk, void *data, int32_t *wait_status,
                    struct tenon_error *err)
{
    struct tenon_program p;
    tenon_sized_take(&p, sizeof p, theirs);
    if (check(&p, err) < 0)
        return err->code;
    auto_free char *path = tenon_program_need(p.argv[0], NULL, err);
    auto_strv char **env = plain_env();
    TENON_VEC(struct tenon_run_fd) fds = {0};
    if (!path)
        return err->code;
    for (size_t i = 0; i < p.fd_count; i++)
        tenon_vec_push(&fds, ((struct tenon_run_fd){p.fds[i].fd, p.fds[i].as}));
    struct saying s = {.p = &p, .talk = talk, .data = data};
    const struct tenon_run run = {
        .path = path, .argv = p.argv, .env = p.env ? p.env : (const char *const *)env,
        .directory = p.directory ? p.directory : "/", .fds = fds.items, .fd_count = fds.len,
        .cancel = cancel, .said = hear, .data = &s,
    };
    int status = 0;
    int rc = tenon_program_run(&run, &status, err);
    for (int i = 0; i < 2; i++) {
        if (s.line[i].len)
            end_line(&s, &s.line[i]);
        tenon_buf_release(&s.line[i]);
    }
    if (s.has_status)
        talk->status_done(data, p.status_id);
    if (rc == TENON_OK && wait_status)
        *wait_status = status;
    else if (rc == TENON_OK && status)
        rc = say_failed(&s, status, err);
    tenon_buf_release(&s.kept);
    tenon_vec_release(&fds);
    return rc;
}
