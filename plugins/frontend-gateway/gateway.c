/* frontend-gateway/gateway.c - frontends that are programs in images.
 *
 * The program runs in a step's sandbox and speaks BuildKit's LLBBridge, gRPC over HTTP/2, on its
 * standard input and output; we are the server.  What it asks for goes to the bridge of the
 * host, as any frontend's requests do. */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "common/llbbridge/containers.h"
#include "common/llbbridge/serving.h"
#include "image.h"
#include "tools/alloc.h"
#include "tools/text.h"

/* Written by init alone, before anything else runs. */
static const struct tenon_host *host;

/* ---- what it says on its standard error ---------------------------------- */

struct words {
    struct gateway *gw;
    int fd;
    struct tenon_buf last; /* the end of it */
    size_t logged;         /* bytes */
    const char *why;       /* the connection broke, and why; or NULL */
};

/* Whole lines go to the log, up to a point. */
static void
log_lines(struct words *w, struct tenon_buf *line, const char *data, size_t len)
{
    struct gateway *gw = w->gw;

    if (w->logged > GATEWAY_STDERR_LOGGED)
        return;
    w->logged += len;
    if (w->logged > GATEWAY_STDERR_LOGGED) {
        gw->host->progress->log(gw->ctx, 4,
                                "the frontend has said more than %d bytes; the rest is not shown",
                                GATEWAY_STDERR_LOGGED);
        return;
    }
    for (size_t i = 0; i < len; i++) {
        if (data[i] != '\n')
            tenon_buf_addc(line, data[i]);
        if (data[i] != '\n' && line->len < GATEWAY_STDERR_KEPT)
            continue;
        auto_buf struct tenon_buf text = TENON_BUF_INIT;
        tenon_text_add(&text, tenon_buf_str(line), line->len);
        gw->host->progress->log(gw->ctx, 7, "frontend: %s", tenon_buf_str(&text));
        tenon_buf_clear(line);
    }
}

static void *
listen_to(void *data)
{
    struct words *w = data;
    auto_buf struct tenon_buf line = TENON_BUF_INIT;
    char part[4096];
    ssize_t n;

    while ((n = read(w->fd, part, sizeof part)) > 0 || (n < 0 && errno == EINTR)) {
        if (n < 0)
            continue;
        log_lines(w, &line, part, (size_t)n);
        tenon_buf_add(&w->last, part, (size_t)n);
        if (w->last.len > GATEWAY_STDERR_KEPT) {
            size_t more = w->last.len - GATEWAY_STDERR_KEPT;
            memmove(w->last.data, w->last.data + more, GATEWAY_STDERR_KEPT);
            tenon_buf_truncate(&w->last, GATEWAY_STDERR_KEPT);
        }
    }
    log_lines(w, &line, "\n", line.len > 0);
    return NULL;
}

/* ---- the program --------------------------------------------------------- */

/* How the program ended, in words; NULL: well. */
static char *
how_it_ended(int32_t status)
{
    if (WIFSIGNALED(status))
        return tenon_asprintf("it was ended by signal %d", WTERMSIG(status));
    if (WEXITSTATUS(status))
        return tenon_asprintf("exit code: %d", WEXITSTATUS(status));
    return NULL;
}

/* An error that it returned counts first, then how it ended, then its result. */
static int
judge(struct gateway *gw, int32_t status, const struct words *w, struct tenon_error *err)
{
    if (gw->failure.len)
        return gateway_take_failure(gw, err);
    auto_free char *how = how_it_ended(status);
    if (!how && gw->returned && !gw->refused)
        return TENON_OK;
    auto_buf struct tenon_buf said = TENON_BUF_INIT;
    tenon_text_add(&said, tenon_buf_str(&w->last), w->last.len);
    while (said.len && said.data[said.len - 1] == '\n')
        tenon_buf_truncate(&said, said.len - 1);
    const char *what = how           ? "failed: "
                       : gw->refused ? "returned what is no result: "
                       : w->why      ? w->why
                       : gw->killed  ? "hung up without a result" : "ended without a result";
    return host->error->set(err, TENON_E_FAILED, 0, "the frontend %s%s%s%s", what,
                            how ? how : gw->refused ? gw->refused : "",
                            said.len ? ": " : "", tenon_buf_str(&said));
}

struct pipes { /* ours, and the program's */
    int to, from, words;
    int kept; /* from, once more */
    int32_t theirs[3];
};

static void
close_pipes(struct pipes *p)
{
    int *const ours[] = {&p->to, &p->from, &p->words, &p->kept};

    for (size_t i = 0; i < tenon_countof(ours); i++) {
        if (*ours[i] >= 0)
            close(tenon_steal_fd(ours[i]));
    }
    for (size_t i = 0; i < tenon_countof(p->theirs); i++) {
        if (p->theirs[i] >= 0)
            close(tenon_steal_fd(&p->theirs[i]));
    }
}

static int
make_pipes(struct pipes *p, struct tenon_error *err)
{
    int in[2], out[2], words[2];

    *p = (struct pipes){-1, -1, -1, -1, {-1, -1, -1}};
    if (pipe2(in, O_CLOEXEC) == 0) {
        p->theirs[0] = in[0];
        p->to = in[1];
        if (pipe2(out, O_CLOEXEC) == 0) {
            p->from = out[0];
            p->theirs[1] = out[1];
            if (pipe2(words, O_CLOEXEC) == 0) {
                p->words = words[0];
                p->theirs[2] = words[1];
                return TENON_OK;
            }
        }
    }
    int saved = errno;
    close_pipes(p);
    return host->error->set(err, TENON_E_FAILED, saved, "make pipes for the frontend");
}

/* ---- its end -------------------------------------------------------------------------------- */

struct end {
    struct gateway *gw;
    struct tenon_process *process;
};

/* A program that returned, or hung up, has little left to do; one that stays in spite of it
 * would keep the build for ever. */
static void *
see_to_end(void *data)
{
    const struct end *end = data;
    struct gateway *gw = end->gw;
    struct timespec until;
    int waited = 0;

    pthread_mutex_lock(&gw->lock);
    while (!gw->returned && !gw->deaf && !gw->gone)
        pthread_cond_wait(&gw->changed, &gw->lock);
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += GATEWAY_GRACE;
    while (!gw->gone && waited == 0)
        waited = pthread_cond_timedwait(&gw->changed, &gw->lock, &until);
    gw->killed = !gw->gone;
    if (gw->killed)
        gw->bridge->process_kill(end->process);
    pthread_mutex_unlock(&gw->lock);
    return NULL;
}

static void
say(struct gateway *gw, bool *what)
{
    pthread_mutex_lock(&gw->lock);
    *what = true;
    pthread_cond_broadcast(&gw->changed);
    pthread_mutex_unlock(&gw->lock);
}

/* What a program says after Return nobody reads, but it may say it: Go's runtime ends a program
 * with 2 whose standard output is closed, and a part of HTTP/2 is often still on its way. */
static int
serve(struct gateway *gw, struct pipes *p, struct grpc_status *why)
{
    p->kept = fcntl(p->from, F_DUPFD_CLOEXEC, 0);
    gw->conn = grpc_conn_new(GRPC_SERVER, NULL);
    int rc = watch_start(&gw->watch, host, serving_wake, gw);
    if (rc == 0) {
        rc = -grpc_conn_start(gw->conn, tenon_steal_fd(&p->from), tenon_steal_fd(&p->to));
        if (rc == 0)
            gateway_serve(gw);
        watch_stop(&gw->watch);
    }
    containers_release(gw); /* nothing of it runs when the program has gone */
    grpc_conn_alive(gw->conn, why);
    grpc_conn_free(gw->conn);
    if (!gw->returned && p->kept >= 0)
        close(tenon_steal_fd(&p->kept));
    return rc;
}

/* The program is there; until it has gone. */
static int
attend(struct gateway *gw, struct tenon_process *process, struct pipes *p,
       struct tenon_error *err)
{
    struct words w = {.gw = gw, .fd = p->words};
    struct end end = {.gw = gw, .process = process};
    auto_grpc_status struct grpc_status why = {0};
    pthread_t listener, ender;
    bool listening = false, ending = false;
    int32_t status = 0;

    sigset_t all, before;

    sigfillset(&all); /* signals are for the main thread */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&listener, NULL, listen_to, &w);
    listening = rc == 0;
    if (rc == 0)
        rc = pthread_create(&ender, NULL, see_to_end, &end);
    ending = rc == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc == 0)
        rc = serve(gw, p, &why);
    if (why.code == GRPC_INTERNAL)
        w.why = why.message;
    if (rc != 0)
        gw->bridge->process_kill(process);
    say(gw, &gw->deaf);
    gw->bridge->process_wait(process, &status, err);
    say(gw, &gw->gone);
    if (ending)
        pthread_join(ender, NULL);
    if (listening)
        pthread_join(listener, NULL);
    if (rc != 0 || (gw->killed && !host->ctx->cancelled(gw->ctx)))
        host->error->clear(err); /* it is that we killed it */
    if (rc != 0)
        host->error->set(err, TENON_E_FAILED, rc, "serve the frontend");
    int r = host->error->code(err);
    if (r == 0 || (gw->failure.len && r != TENON_E_CANCELLED))
        r = judge(gw, status, &w, err);
    tenon_buf_release(&w.last);
    return r;
}

static int
run(struct gateway *gw, const char *image, struct tenon_error *err)
{
    struct tenon_node *n = gateway_image_process(gw, image, err);
    struct tenon_process *process;
    struct pipes p;

    if (!n || make_pipes(&p, err) < 0)
        return host->error->code(err);
    int rc = gw->bridge->process_start(gw->ctx, gw->graph, n, p.theirs, &process, err);
    p.theirs[0] = p.theirs[1] = p.theirs[2] = -1; /* the host's now */
    if (rc == 0)
        rc = attend(gw, process, &p, err);
    close_pipes(&p);
    return rc;
}

/* "source" may be BuildKit's name of the frontend that needs no image; it is told that it was
 * chosen (cmdline), and so does not look for one itself. */
static int
call_builtin(struct gateway *gw, struct tenon_error *err)
{
    const char *const *given = gw->request->options;
    size_t count = 0, kept = 0;

    while (given[count])
        count++;
    const char **options = gw->host->ctx->alloc(gw->ctx, (count + 1) * sizeof *options);
    for (size_t i = 0; i < count; i++) {
        if (!tenon_has_prefix(given[i], "source="))
            options[kept++] = given[i];
    }
    const struct tenon_frontend_call call = {
        .struct_size = sizeof call, .frontend = "dockerfile", .options = options,
        .inputs = gw->request->inputs, .input_count = gw->request->input_count,
    };
    return gw->bridge->solve_frontend(gw->ctx, gw->graph, &call, gw->result, err);
}

static int
gateway_solve(void *self, struct tenon_ctx *ctx, const struct tenon_frontend_request *request,
              const struct tenon_bridge *bridge, struct tenon_result *result,
              struct tenon_error *err)
{
    struct gateway gw = {
        .host = host, .config = self, .bridge = bridge, .request = request, .ctx = ctx,
        .graph = request->graph, .result = result,
    };

    const char *image = gateway_option(&gw, "source");
    if (!image || !*image)
        return host->error->set(err, TENON_E_INVALID, 0, "no frontend image: the option \"source\" "
                                                    "names it");
    if (strcmp(image, "dockerfile.v0") == 0)
        return call_builtin(&gw, err);
    gateway_open(&gw);
    int rc = run(&gw, image, err);
    if (rc < 0)
        host->error->context(err, "frontend image %s", image);
    gateway_release(&gw);
    return rc;
}

static int
gateway_init(const struct tenon_host *h, const struct tenon_values *config, void **self,
             struct tenon_error *err)
{
    (void)err;
    host = h;
    *self = (void *)(uintptr_t)config; /* no other state: each request stands alone */
    return TENON_OK;
}

static const struct tenon_param config_options[] = {
    { .name = "allowed", .help = "the repositories whose images may run: docker/dockerfile, "
                                 "example.org/team/*",
      .type = TENON_TYPE_STRING, .flags = TENON_PARAM_REPEAT },
    { .name = NULL },
};

static const struct tenon_frontend_ops ops = {
    .struct_size = sizeof ops,
    .solve = gateway_solve,
};
static const struct tenon_plugin plugin = {
    TENON_PLUGIN_HEADER(TENON_KIND_FRONTEND),
    .need_minor = 2,
    .threads = TENON_THREADS_PARALLEL,
    .key_policy = TENON_KEY_NEUTRAL, /* what it asks for is in the graph, which is keyed */
    .key_epoch = 1,
    .name = "gateway",
    .version = TENON_VERSION,
    .summary = "frontends in images (# syntax=IMAGE)",
    .config = config_options,
    .init = gateway_init,
    .ops.frontend = &ops,
};
TENON_PLUGIN_EXPORT(frontend_gateway, plugin);
