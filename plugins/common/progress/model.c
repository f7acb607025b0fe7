/* common/progress/model.c - see model.h. */
#include "model.h"

#include <stdlib.h>
#include <string.h>

#include "text.h"

static size_t
line_size(const struct pk_line *l)
{
    return sizeof *l + strlen(l->text) + 2 * sizeof(void *); /* about malloc's share */
}

/* The first n of those that are kept. */
static void
forget_lines(struct pk_vertex *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        v->lines_bytes -= line_size(&v->lines.items[i]);
        free(v->lines.items[i].text);
    }
    v->lines.len -= n;
    v->lines_lost += n;
    if (v->lines.len)
        memmove(v->lines.items, v->lines.items + n, v->lines.len * sizeof *v->lines.items);
}

static void
release_vertex(struct pk_vertex *v)
{
    free(v->key);
    free(v->name);
    free(v->digest);
    free(v->error);
    tenon_vec_foreach(s, &v->statuses) {
        free((*s)->id);
        free(*s);
    }
    tenon_vec_release(&v->statuses);
    forget_lines(v, v->lines.len);
    tenon_vec_release(&v->lines);
    tenon_vec_foreach(w, &v->warnings)
        free(*w);
    tenon_vec_release(&v->warnings);
    tenon_buf_release(&v->partial);
    tenon_buf_release(&v->pending);
    free(v);
}

void
pk_model_release(struct pk_model *m)
{
    tenon_vec_foreach(v, &m->vertices)
        release_vertex(*v);
    tenon_vec_release(&m->vertices);
    tenon_vec_foreach(w, &m->warnings) {
        free(w->text);
        free(w->url);
        free(w->filename);
        tenon_strv_free(w->detail);
        tenon_vec_release(&w->more);
    }
    tenon_vec_release(&m->warnings);
}

void
pk_model_count(const struct pk_model *m, size_t *done, size_t *total)
{
    *done = 0;
    *total = m->vertices.len;
    tenon_vec_foreach(v, &m->vertices)
        *done += (*v)->completed_ns != 0;
}

bool
pk_is_running(const struct pk_vertex *v)
{
    return v->started_ns && !v->completed_ns;
}

struct pk_vertex *
pk_model_find(struct pk_model *m, const char *digest)
{
    /* Newest first: output mostly comes from a late vertex. */
    for (size_t i = m->vertices.len; digest && i-- > 0;) {
        struct pk_vertex *v = m->vertices.items[i];
        if (!strcmp(v->key, digest) || !strcmp(v->digest, digest))
            return v;
    }
    return NULL;
}

static char *
clean_name(const char *name)
{
    auto_buf struct tenon_buf b = TENON_BUF_INIT;
    pk_sanitize(&b, name, strlen(name));
    for (size_t i = 0; i < b.len; i++)
        if (b.data[i] == '\n' || b.data[i] == '\t')
            b.data[i] = ' ';
    return tenon_buf_steal(&b);
}

void
pk_model_forget_output(struct pk_vertex *v)
{
    forget_lines(v, v->lines.len);
    tenon_vec_release(&v->lines);
    tenon_buf_release(&v->partial);
}

/* Announced ones take their place when they start. */
static void
move_to_end(struct pk_model *m, struct pk_vertex *v)
{
    size_t i = m->vertices.len - 1;
    while (m->vertices.items[i] != v)
        i--;
    memmove(m->vertices.items + i, m->vertices.items + i + 1,
            (m->vertices.len - 1 - i) * sizeof *m->vertices.items);
    m->vertices.items[m->vertices.len - 1] = v;
}

void
pk_model_forget_planned(struct pk_model *m)
{
    size_t kept = 0;
    for (size_t i = 0; i < m->vertices.len; i++)
        if (m->vertices.items[i]->started_ns)
            m->vertices.items[kept++] = m->vertices.items[i];
        else
            release_vertex(m->vertices.items[i]);
    m->vertices.len = kept;
}

static struct pk_vertex *
on_vertex(struct pk_model *m, const struct tenon_event *ev)
{
    const char *key = ev->group_id ? ev->group_id : ev->vertex;
    struct pk_vertex *v = pk_model_find(m, key);
    if (!v) {
        v = tenon_new0(struct pk_vertex);
        v->key = tenon_strdup(key);
        v->digest = tenon_strdup(ev->vertex);
        v->name = clean_name(ev->group_id && ev->group_name ? ev->group_name
                             : ev->name ? ev->name : "");
        v->cached = true; /* until one of it ran */
        v->internal = ev->flags & TENON_EVENT_INTERNAL;
        tenon_vec_push(&m->vertices, v);
    }
    if (ev->started_ns && !v->started_ns)
        move_to_end(m, v);
    bool of_group = ev->group_id != NULL;
    if (ev->started_ns && (!v->started_ns || ev->started_ns < v->started_ns))
        v->started_ns = ev->started_ns;
    if (ev->started_ns && (!m->first_ns || ev->started_ns < m->first_ns))
        m->first_ns = ev->started_ns;
    if (ev->started_ns && !ev->completed_ns) {
        v->running++;
        v->completed_ns = 0;
        v->closed = false;
    }
    if (ev->completed_ns) {
        if (v->running)
            v->running--;
        if (!(ev->flags & TENON_EVENT_CACHED))
            v->cached = false;
        if (ev->flags & TENON_EVENT_CANCELED)
            v->canceled = true;
        if (ev->error && !v->error)
            v->error = clean_name(ev->error);
        if (v->running == 0) {
            v->completed_ns = ev->completed_ns;
            v->duration_ns = of_group ? ev->completed_ns - v->started_ns : ev->duration_ns;
            v->completed_order = ++m->completions;
            /* Only a recap still has a use for its output. */
            if (!v->error && !m->keep_pending)
                pk_model_forget_output(v);
        }
    }
    return v;
}

static struct pk_status *
on_status(struct pk_vertex *v, const struct tenon_event *ev)
{
    struct pk_status *s = NULL;
    tenon_vec_foreach(it, &v->statuses)
        if (!strcmp((*it)->id, ev->name))
            s = *it;
    if (!s) {
        s = tenon_new0(struct pk_status);
        s->id = clean_name(ev->name);
        s->started_ns = ev->started_ns ? ev->started_ns : ev->timestamp_ns;
        s->shown_current = -1;
        tenon_vec_push(&v->statuses, s);
    }
    if (ev->current > s->current || !ev->completed_ns)
        s->current = ev->current;
    s->waiting = ev->flags & TENON_EVENT_WAITING;
    if (ev->total)
        s->total = ev->total;
    s->timestamp_ns = ev->timestamp_ns;
    if (ev->completed_ns)
        s->completed_ns = ev->completed_ns;
    return s;
}

static void
keep_line(const struct pk_model *m, struct pk_vertex *v)
{
    auto_buf struct tenon_buf b = TENON_BUF_INIT;
    pk_sanitize(&b, v->partial.data, v->partial.len);
    tenon_buf_clear(&v->partial);
    if (m->keep_pending) {
        pk_add_log_time(&v->pending, v->partial_ns);
        tenon_buf_addf(&v->pending, " %s\n", tenon_buf_str(&b));
        v->pending_lines++;
    }
    struct pk_line l = { tenon_strdup(tenon_buf_str(&b)), v->partial_ns };
    v->lines_bytes += line_size(&l);
    tenon_vec_push(&v->lines, l);
    if (v->lines_bytes > PK_KEPT_BYTES) { /* half of it, so that this is rare */
        size_t n = 0, bytes = 0;
        while (n + 1 < v->lines.len && bytes < PK_KEPT_BYTES / 2)
            bytes += line_size(&v->lines.items[n++]);
        forget_lines(v, n);
    }
}

enum { MAX_LINE = 1 << 16 }; /* a longer one is broken */

static void
on_log(const struct pk_model *m, struct pk_vertex *v, const struct tenon_event *ev)
{
    const char *p = ev->data, *end = p + ev->len;
    int64_t at = v->started_ns ? ev->timestamp_ns - v->started_ns : 0;
    v->silent_ns = 0;
    while (p < end) {
        const char *nl = memchr(p, '\n', (size_t)(end - p));
        size_t len = (size_t)((nl ? nl : end) - p);
        if (!v->partial.len)
            v->partial_ns = at;
        tenon_buf_add(&v->partial, p, len);
        if (nl || v->partial.len > MAX_LINE)
            keep_line(m, v);
        p += len + (nl != NULL);
    }
}

void
pk_model_flush_line(const struct pk_model *m, struct pk_vertex *v)
{
    if (v->partial.len)
        keep_line(m, v);
}

static struct pk_vertex *
on_warning(struct pk_model *m, const struct tenon_event *ev)
{
    struct pk_warning *w = tenon_vec_add(&m->warnings);
    w->text = clean_name(ev->name ? ev->name : "");
    w->url = ev->url ? clean_name(ev->url) : NULL;
    w->filename = ev->filename ? clean_name(ev->filename) : NULL;
    w->line = ev->line;
    w->end_line = ev->end_line;
    for (size_t i = 0; i < ev->more_count; i++)
        tenon_vec_push(&w->more, ev->more[i]);
    for (const char *const *d = ev->detail; d && *d; d++)
        tenon_strv_push(&w->detail, clean_name(*d));
    struct pk_vertex *v = pk_model_find(m, ev->vertex);
    if (v)
        tenon_vec_push(&v->warnings, tenon_strdup(w->text));
    return v;
}

struct pk_vertex *
pk_model_event(struct pk_model *m, const struct tenon_event *ev, struct pk_status **status)
{
    struct pk_vertex *v = NULL;
    *status = NULL;
    switch (ev->type) {
    case TENON_EVENT_VERTEX:
        if (ev->vertex)
            v = on_vertex(m, ev);
        break;
    case TENON_EVENT_STATUS:
        v = pk_model_find(m, ev->vertex);
        if (v && ev->name)
            *status = on_status(v, ev);
        break;
    case TENON_EVENT_LOG:
        v = pk_model_find(m, ev->vertex);
        if (v && ev->data)
            on_log(m, v, ev);
        break;
    case TENON_EVENT_WARNING:
        v = on_warning(m, ev);
        break;
    default:
        break;
    }
    return v;
}
