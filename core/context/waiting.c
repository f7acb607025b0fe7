/* context/waiting.c - see waiting.h. */
#include "context/waiting.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "tools/alloc.h"

#define NEWS_NS UINT64_C(500000000)
enum { CHUNK = 16384 };

static void
post(struct tenon_waiting *w, bool done)
{
    const int64_t now = (int64_t)tenon_now_ns();
    struct tenon_event ev = {
        .struct_size = sizeof ev, .type = TENON_EVENT_STATUS,
        .vertex = w->vertex, .name = w->line, .timestamp_ns = now,
        .started_ns = w->started_ns, .completed_ns = done ? now : 0,
        .flags = TENON_EVENT_WAITING,
    };
    tenon_events_post(w->engine->events, &ev);
}

/* What the other has printed since the last look.  A log that became shorter was cut in its
 * middle, and what is shown goes on from its end. */
static void
relay(struct tenon_waiting *w)
{
    char buf[CHUNK];
    struct stat st;
    if (w->log_fd >= 0 && fstat(w->log_fd, &st) == 0 &&
        st.st_size < lseek(w->log_fd, 0, SEEK_CUR))
        lseek(w->log_fd, 0, SEEK_END);
    for (;;) {
        const ssize_t n = w->log_fd < 0 ? 0 : read(w->log_fd, buf, sizeof buf);
        if (n <= 0)
            return;
        struct tenon_event ev = {
            .struct_size = sizeof ev, .type = TENON_EVENT_LOG,
            .vertex = w->vertex, .timestamp_ns = (int64_t)tenon_now_ns(),
            .data = buf, .len = (size_t)n, .stream = 1,
        };
        tenon_events_post(w->engine->events, &ev);
    }
}

/* Where there is no step to show it on. */
static void
begin_vertex(struct tenon_waiting *w)
{
    tenon_events_fresh_digest(w->own);
    w->vertex = w->own;
    const struct tenon_vertex_info info = { .digest = w->own, .name = w->title,
                                            .internal = true };
    tenon_events_start(w->engine->events, &info);
}

static void
end_line(struct tenon_waiting *w)
{
    if (!w->line)
        return;
    relay(w);
    post(w, true);
    free(tenon_steal(&w->line));
    if (w->log_fd >= 0)
        close(tenon_steal_fd(&w->log_fd));
    if (w->title)
        tenon_events_done(w->engine->events, w->own, false, NULL, false);
}

static void
begin_line(struct tenon_waiting *w, const struct tenon_lock_holder *holder)
{
    auto_free char *process = tenon_asprintf("process %lld", (long long)holder->pid);
    w->pid = holder->pid;
    w->ours = holder->own;
    w->line = tenon_asprintf("waiting for %s, which %s",
                             !holder->pid ? "another process"
                             : holder->own ? "another step of this build"
                             : holder->pid == getpid() ? "another build" : process,
                             w->what);
    if (w->title)
        begin_vertex(w);
    post(w, false);
}

static void
look(void *data, const struct tenon_lock_holder *holder)
{
    struct tenon_waiting *w = data;
    const uint64_t now = tenon_monotonic_ns();

    if (!w->vertex && !w->title)
        return;
    if (!holder) {
        end_line(w);
        w->since_ns = 0;
        return;
    }
    if (!w->since_ns) {
        w->since_ns = now;
        w->started_ns = (int64_t)tenon_now_ns();
    }
    if (now - w->since_ns < NEWS_NS)
        return;
    if (w->line && (w->pid != holder->pid || w->ours != holder->own))
        end_line(w); /* that one is done, and somebody else was faster */
    if (!w->line)
        begin_line(w, holder);
    /* It is there as soon as something was printed. */
    if (w->log_fd < 0 && holder->log && !holder->own)
        w->log_fd = tenon_log_read(w->engine->store, holder->log);
    relay(w);
}

void
tenon_waiting_init(struct tenon_waiting *w, struct tenon_engine *engine, const char *vertex,
                   const char *what)
{
    *w = (struct tenon_waiting){ .engine = engine, .vertex = vertex, .what = what,
                                 .log_fd = -1 };
    w->watch = (struct tenon_lock_watch){ look, w };
}

void
tenon_waiting_watch_store(struct tenon_waiting *w, struct tenon_engine *engine)
{
    tenon_waiting_init(w, engine, NULL, "has the store's records locked");
    w->title = "[internal] waiting for the store";
    tenon_store_watch(engine->store, &w->watch);
}
