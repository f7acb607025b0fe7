/* serve/filesend.c - a pipe, and a thread that sends what comes out of it. */
#include "filesend.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "answertext.h"
#include "callerror.h"
#include "pump.h"
#include "tools/alloc.h"
#include "tools/arena.h"

struct filesend {
    struct callset *asked;
    struct grpc_call *call;
    int in, out; /* of the pipe: what is written, what is read */
    pthread_t thread;
    bool all; /* the thread's: the client was told that this is all */
};

static void
drop_rest(const struct filesend *f)
{
    char piece[4096];
    ssize_t n;

    while ((n = read(f->out, piece, sizeof piece)) > 0 || (n < 0 && errno == EINTR))
        continue;
}

/* A client that wants no more is not written to for ever.  The exporter may go on: its next step
 * that fails would say less than the client has to say. */
static void *
send_all(void *data)
{
    struct filesend *f = data;

    if (pump_out(f->out, f->call) && !grpc_call_over(f->call)) {
        grpc_call_close_send(f->call);
        f->all = true;
    }
    drop_rest(f);
    close(tenon_steal_fd(&f->out));
    return NULL;
}

/* As clients have the answer later. */
static struct grpc_header *
describe(struct tenon_arena *a, const char *exporter, const struct tenon_result *result,
         size_t *count)
{
    const size_t answers = result ? result->responses.len : 0;
    struct grpc_header *headers = tenon_arena_array(a, answers + 1, sizeof *headers);

    headers[0] = (struct grpc_header){"buildkit-attachable-exporter-id", exporter};
    for (size_t i = 0; i < answers; i++) {
        const struct tenon_result_value *v = &result->responses.items[i];
        auto_free char *name = tenon_asprintf("exporter-md-%s", v->key);
        headers[i + 1] = (struct grpc_header){tenon_arena_strdup(a, name), answertext(a, v)};
    }
    *count = answers + 1;
    return headers;
}

struct filesend *
filesend_open(struct callset *asked, struct grpc_conn *conn, const char *method,
              const char *exporter, const struct tenon_result *result, int *fd,
              struct tenon_error *err)
{
    auto_arena struct tenon_arena arena = TENON_ARENA_INIT;
    size_t count;
    const struct grpc_header *headers = describe(&arena, exporter, result, &count);
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0) {
        tenon_error_sys(err, "make a pipe for the result");
        return NULL;
    }
    struct filesend *f = tenon_new0(struct filesend);
    f->asked = asked;
    f->out = ends[0];
    f->in = ends[1];
    f->call = callset_start(asked, conn, method, headers, count);
    int rc = pthread_create(&f->thread, NULL, send_all, f);
    if (rc != 0) {
        tenon_error_errno(err, rc, "start a thread for the result");
        callset_free(f->asked, f->call);
        close(ends[0]);
        close(ends[1]);
        free(f);
        return NULL;
    }
    *fd = f->in;
    return f;
}

int
filesend_fd(const struct filesend *f)
{
    return f->in;
}

/* The thread sees the end of the pipe, or that of the call. */
static void
end(struct filesend *f)
{
    close(f->in);
    pthread_join(f->thread, NULL);
}

int
filesend_commit(struct filesend *f, struct tenon_error *err)
{
    auto_grpc_status struct grpc_status status = {0};

    end(f);
    grpc_call_status(f->call, &status);
    if (status.code == GRPC_ALREADY_EXISTS)
        ; /* the client has it, or does not want it */
    else if (status.code != GRPC_OK)
        callerror_set(&status, "send the result to the client", err);
    else if (!f->all)
        tenon_error_set(err, TENON_E_FAILED, "send the result to the client: it ended too early");
    callset_free(f->asked, f->call);
    free(f);
    return err->code;
}

void
filesend_abort(struct filesend *f)
{
    grpc_call_cancel(f->call);
    end(f);
    callset_free(f->asked, f->call);
    free(f);
}
