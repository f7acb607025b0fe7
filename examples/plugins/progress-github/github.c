/* progress-github: a build in the log of a GitHub workflow.
 *
 *   tenon build --progress=github .
 *
 * Each step is a group that can be folded; warnings, and the failure with its place in the build
 * file, are annotations. One step has the log at a time: what others say waits for its end. */
#define _GNU_SOURCE
#include <tenon-plugin.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

/* What a step said while another one had the log; of more, the beginning is dropped. */
enum { MAX_WAITING = 1 << 20 };

static const struct tenon_param options[] = {
    { .name = "dir", .help = "where build files are in the repository, for annotations",
      .type = TENON_TYPE_STRING, .def = "" },
    { .name = NULL },
};

struct step {
    struct step *next;
    char *vertex, *name;
    char *text; /* that waits */
    size_t len;
    bool started, done, internal, dropped;
    char how[200]; /* it ended */
};

struct display { /* tenon calls from one thread */
    int fd;
    const char *dir;
    char guard[33]; /* of output: no step gives commands to the runner */
    struct step *first, **last;
    struct step *active;
};
static struct display display;
static const struct tenon_host *host;

static int
github_init(const struct tenon_host *h, const struct tenon_values *values, void **self,
            struct tenon_error *err)
{
    (void)values, (void)err;
    host = h;
    *self = &display;
    return TENON_OK;
}

static int
github_open(void *self, int fd, bool is_tty, const struct tenon_values *values,
            struct tenon_error *err)
{
    struct display *d = self;
    unsigned char bytes[16];
    (void)is_tty;
    *d = (struct display){ .fd = fd, .dir = strdup(host->values->get_string(values, "dir")) };
    d->last = &d->first;
    if (!d->dir || getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        return host->error->set(err, TENON_E_FAILED, 0, "no random bytes");
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(d->guard + 2 * i, 3, "%02x", bytes[i]);
    return TENON_OK;
}

/* ---- workflow commands: ::NAME key=value,key=value::TEXT ------------------------------ */

/* As the runner takes them apart: a text has no line ends, and a value no separators either. */
static void
put_escaped(FILE *f, const char *text, bool value)
{
    for (; *text; text++)
        if (*text == '%' || *text == '\n' || *text == '\r' ||
            (value && (*text == ':' || *text == ',')))
            fprintf(f, "%%%02X", (unsigned char)*text);
        else if ((unsigned char)*text >= ' ' || *text == '\t')
            putc(*text, f);
}

static void
put_key(FILE *f, const char **separator, const char *key, const char *value)
{
    fprintf(f, "%s%s=", *separator, key);
    *separator = ",";
    put_escaped(f, value, true);
}

static void
annotate(struct display *d, const char *command, const char *title, const char *file,
         uint32_t line, uint32_t end_line, const char *text)
{
    const char *separator = " ";
    char *out = NULL, path[4096], number[16];
    size_t len = 0;
    FILE *f = open_memstream(&out, &len);
    if (!f)
        return;
    fprintf(f, "::%s", command);
    if (file) {
        snprintf(path, sizeof path, "%s%s%s", d->dir, *d->dir ? "/" : "", file);
        put_key(f, &separator, "file", path);
    }
    if (file && line) {
        snprintf(number, sizeof number, "%u", line);
        put_key(f, &separator, "line", number);
        snprintf(number, sizeof number, "%u", end_line ? end_line : line);
        put_key(f, &separator, "endLine", number);
    }
    put_key(f, &separator, "title", title);
    fputs("::", f);
    put_escaped(f, text, false);
    putc('\n', f);
    if (fclose(f) == 0)
        dprintf(d->fd, "%s", out);
    free(out);
}

/* ---- steps ------------------------------------------------------------------------------ */

static struct step *
step_of(struct display *d, const char *vertex, bool make)
{
    for (struct step *s = d->first; s; s = s->next)
        if (vertex && strcmp(s->vertex, vertex) == 0)
            return s;
    struct step *s = make && vertex ? calloc(1, sizeof *s) : NULL;
    if (!s || !(s->vertex = strdup(vertex))) {
        free(s);
        return NULL;
    }
    *d->last = s;
    d->last = &s->next;
    return s;
}

/* Output of a step, in which a line like "::error::" is a text and nothing else. */
static void
put_output(struct display *d, const char *text, size_t len)
{
    if (!len)
        return;
    const bool is_open = text[len - 1] != '\n';
    dprintf(d->fd, "::stop-commands::%s\n", d->guard);
    while (len) { /* with its NULs, at which a format would end, and the guard stay closed */
        const ssize_t n = write(d->fd, text, len);
        if (n < 0 && errno != EINTR)
            break;
        text += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
    dprintf(d->fd, "%s::%s::\n", is_open ? "\n" : "", d->guard);
}

static void
wait_with(struct step *s, const char *text, size_t len)
{
    if (len > MAX_WAITING) {
        text += len - MAX_WAITING;
        len = MAX_WAITING;
    }
    if (s->len + len > MAX_WAITING) {
        size_t out = s->len + len - MAX_WAITING;
        memmove(s->text, s->text + out, s->len - out);
        s->len -= out;
        s->dropped = true;
    }
    char *more = realloc(s->text, s->len + len);
    if (!more)
        return;
    memcpy(more + s->len, text, len);
    s->text = more;
    s->len += len;
}

/* Whole lines now, the rest with what follows. */
static void
show_waiting(struct display *d, struct step *s, bool all)
{
    const char *end = s->len ? memrchr(s->text, '\n', s->len) : NULL;
    size_t len = all ? s->len : end ? (size_t)(end + 1 - s->text) : 0;
    if (s->dropped && len)
        dprintf(d->fd, "[... what it said before is left out]\n");
    s->dropped = s->dropped && !len;
    put_output(d, s->text, len);
    if (len)
        memmove(s->text, s->text + len, s->len - len);
    s->len -= len;
}

static void
begin(struct display *d, struct step *s)
{
    char *name = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&name, &len);
    if (!f)
        return;
    put_escaped(f, s->name, false);
    if (fclose(f) == 0)
        dprintf(d->fd, "::group::%s\n", name);
    free(name);
    d->active = s;
}

static void
end(struct display *d, struct step *s)
{
    show_waiting(d, s, true);
    dprintf(d->fd, "%s\n::endgroup::\n", s->how);
    free(s->text);
    s->text = NULL;
    free(s->name);
    s->name = NULL; /* it was shown */
    d->active = NULL;
}

/* The log stays with the one that has it until that is over; then come others that are over, then
 * one that runs. */
static void
go_on(struct display *d)
{
    if (d->active)
        show_waiting(d, d->active, false);
    if (d->active && d->active->done)
        end(d, d->active);
    for (struct step *s = d->active ? NULL : d->first; s; s = s->next)
        if (s->name && s->done) {
            begin(d, s);
            end(d, s);
        }
    for (struct step *s = d->active ? NULL : d->first; s && !d->active; s = s->next)
        if (s->name && s->started && s->len) {
            begin(d, s);
            show_waiting(d, s, false);
        }
}

static void
on_vertex(struct display *d, const struct tenon_event *ev)
{
    struct step *s = ev->started_ns ? step_of(d, ev->vertex, true) : NULL;
    if (!s || s->done)
        return;
    if (!s->name)
        s->name = strdup(ev->name ? ev->name : "");
    s->started = true;
    s->internal = (ev->flags & TENON_EVENT_INTERNAL) != 0;
    s->done = ev->completed_ns != 0;
    if (s->done && ev->error && *ev->error)
        snprintf(s->how, sizeof s->how, "%s",
                 ev->flags & TENON_EVENT_CANCELED ? "CANCELED" : "ERROR");
    else if (s->done && (ev->flags & TENON_EVENT_CACHED))
        snprintf(s->how, sizeof s->how, "CACHED");
    else if (s->done)
        snprintf(s->how, sizeof s->how, "DONE %.1fs", (double)ev->duration_ns / 1e9);
    if (s->done && s->internal && !s->len) { /* nothing to see */
        free(s->name);
        s->name = NULL;
    }
}

static void
github_event(void *self, const struct tenon_event *ev)
{
    struct display *d = self;
    struct step *s;
    if (ev->type == TENON_EVENT_VERTEX)
        on_vertex(d, ev);
    else if (ev->type == TENON_EVENT_LOG && (s = step_of(d, ev->vertex, true)))
        wait_with(s, ev->data, ev->len);
    else if (ev->type == TENON_EVENT_WARNING)
        annotate(d, "warning", "build file", ev->filename, ev->line, ev->end_line,
                 ev->name ? ev->name : "");
    else if (ev->type == TENON_EVENT_MESSAGE && ev->name)
        put_output(d, ev->name, strlen(ev->name));
    go_on(d); /* other types are newer, and passed over */
}

static void
github_close(void *self, const struct tenon_progress_end *how)
{
    struct display *d = self;
    for (struct step *s = d->first; s; s = s->next)
        if (s->name && !s->done) { /* the build ended before it */
            snprintf(s->how, sizeof s->how, "CANCELED");
            s->done = true;
        }
    go_on(d);
    const struct tenon_source_excerpt *at = how->excerpt_count ? how->excerpts[0] : NULL;
    if (how->error)
        annotate(d, "error", "tenon build", at ? at->filename : NULL, at ? at->line : 0,
                 at ? at->end_line : 0, how->error);
    for (const char *const *e = how->further; e && *e; e++)
        annotate(d, "error", "tenon build", NULL, 0, 0, *e);
    if (how->hint && *how->hint)
        annotate(d, "notice", "tenon build", NULL, 0, 0, how->hint);
    for (struct step *s = d->first, *next; s; s = next) {
        next = s->next;
        free(s->vertex), free(s->name), free(s->text), free(s);
    }
    free((void *)(uintptr_t)d->dir);
    *d = (struct display){ .fd = -1 };
}

static const struct tenon_progress_ops ops = {
    .struct_size = sizeof ops,
    .flags = TENON_PROGRESS_ONE_STREAM,
    .open = github_open,
    .event = github_event,
    .close = github_close,
};
static const struct tenon_plugin plugin = {
    TENON_PLUGIN_HEADER(TENON_KIND_PROGRESS),
    .name = "github",
    .version = "1.0",
    .summary = "groups and annotations of GitHub's workflows",
    .options = options,
    .init = github_init,
    .ops.progress = &ops,
};
TENON_PLUGIN_EXPORT(progress_github, plugin);
