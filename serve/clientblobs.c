/* serve/clientblobs.c - containerd's content service, whose client we are. */
#include "clientblobs.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "callerror.h"
#include "clientbytes.h"
#include "ctlmessages.h"
#include "tools/alloc.h"
#include "tools/comma.h"

#define STORE_HEADER "buildkit-attachable-store-id"
#define BLOBS "blobs/sha256"

enum { PIECE = 512 * 1024 }; /* clients take messages of up to 4 MiB */

/* ---- from the client ----------------------------------------------------- */

int
clientblobs_fetch(struct callset *asked, struct grpc_conn *conn, const char *store,
              const char *digest, struct budget *budget, int fd, struct tenon_error *err)
{
    const struct grpc_header which = {STORE_HEADER, store};
    const struct ses_read request = {.digest = digest};
    auto_grpc_status struct grpc_status status = {0};
    auto_buf struct tenon_buf bytes = TENON_BUF_INIT;
    struct grpc_call *call = callset_start(asked, conn, CLIENTBLOBS_READ, &which, 1);

    message_encode(&bytes, &ses_read_message, &request);
    if (grpc_call_send(call, bytes.data, bytes.len) == 0)
        grpc_call_close_send(call);
    if (clientbytes_receive(call, &ses_piece_message, budget, fd, err) == 0) {
        auto_free char *what = tenon_asprintf("blob %s of the client", digest);
        grpc_call_status(call, &status);
        if (status.code != GRPC_OK)
            callerror_set(&status, what, err);
    }
    callset_free(asked, call);
    return err->code;
}

/* ---- to the client ------------------------------------------------------- */

static bool
say(struct grpc_call *call, const struct ses_write *w)
{
    auto_buf struct tenon_buf bytes = TENON_BUF_INIT;

    message_encode(&bytes, &ses_write_message, w);
    return grpc_call_send(call, bytes.data, bytes.len) == 0;
}

/* A blob that was begun before is begun again: the first piece is at 0. */
static int
write_blob(struct grpc_call *call, const char *digest, int fd, int64_t size,
           struct tenon_error *err)
{
    auto_free char *ref = tenon_asprintf("upload-%s", digest);
    auto_free char *piece = tenon_malloc(PIECE);
    struct ses_write w = {.action = SES_WRITE, .ref = ref, .total = size, .expected = digest};
    ssize_t n;

    while ((n = read(fd, piece, PIECE)) > 0 || (n < 0 && errno == EINTR)) {
        if (n < 0)
            continue;
        w.data = (struct message_bytes){piece, (size_t)n};
        if (!say(call, &w))
            return TENON_OK; /* its status tells */
        w.offset += n;
    }
    if (n < 0)
        return tenon_error_sys(err, "read blob %s", digest);
    w.action = SES_COMMIT;
    w.data = (struct message_bytes){0};
    if (say(call, &w))
        grpc_call_close_send(call);
    return TENON_OK;
}

/* Answers may come one a message; only the last tells that it is there. */
static int
hear_end(struct grpc_call *call, const char *digest, struct tenon_error *err)
{
    auto_buf struct tenon_buf message = TENON_BUF_INIT;
    auto_grpc_status struct grpc_status status = {0};
    auto_free char *what = tenon_asprintf("send blob %s to the client", digest);
    bool committed = false;
    const char *why;

    while (grpc_call_recv(call, &message) == 1) {
        auto_arena struct tenon_arena arena = TENON_ARENA_INIT;
        struct ses_written written = {0};
        if (!message_decode(&arena, &ses_written_message, message.data, message.len, &written,
                            &why))
            return tenon_error_set(err, TENON_E_INVALID, "%s: %s", what, why);
        committed = committed || written.action == SES_COMMIT;
    }
    grpc_call_status(call, &status);
    if (status.code == GRPC_ALREADY_EXISTS)
        return TENON_OK;
    if (status.code != GRPC_OK)
        return callerror_set(&status, what, err);
    return committed ? TENON_OK
                     : tenon_error_set(err, TENON_E_FAILED, "%s: it ended too early", what);
}

struct hearing {
    struct grpc_call *call;
    const char *digest;
    struct tenon_error err;
};

static void *
hear(void *data)
{
    struct hearing *h = data;

    if (hear_end(h->call, h->digest, &h->err) < 0)
        grpc_call_cancel(h->call); /* nobody listens any more: who writes is not to wait for that */
    return NULL;
}

/* A client that answers each piece takes no more of them when nobody takes its answers. */
static int
exchange(struct grpc_call *call, const char *digest, int fd, int64_t size,
         struct tenon_error *err)
{
    struct hearing h = {.call = call, .digest = digest, .err = TENON_ERROR_INIT};
    pthread_t thread;
    const int rc = pthread_create(&thread, NULL, hear, &h);

    if (rc != 0)
        return tenon_error_errno(err, rc, "send blob %s to the client", digest);
    if (write_blob(call, digest, fd, size, err) < 0)
        grpc_call_cancel(call);
    pthread_join(thread, NULL);
    return err->code ? (tenon_error_release(&h.err), err->code) : tenon_error_move(err, &h.err);
}

static int
send_blob(struct callset *asked, struct grpc_conn *conn, const char *store, int blobs,
          const char *name, struct tenon_error *err)
{
    const struct grpc_header which = {STORE_HEADER, store};
    auto_free char *digest = tenon_asprintf("sha256:%s", name);
    auto_close int fd = openat(blobs, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0)
        return tenon_error_sys(err, "open blob %s", digest);
    struct grpc_call *call = callset_start(asked, conn, CLIENTBLOBS_WRITE, &which, 1);
    exchange(call, digest, fd, st.st_size, err);
    callset_free(asked, call);
    return err->code;
}

int
clientblobs_send(struct callset *asked, struct grpc_conn *conn, const char *store, int layout,
             struct tenon_error *err)
{
    auto_close int blobs = openat(layout, BLOBS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto_strv char **names = NULL;

    if (blobs < 0)
        return tenon_error_sys(err, "open " BLOBS);
    if (tenon_dir_names(blobs, &names, err) < 0)
        return err->code;
    for (char **n = names; n && *n; n++)
        if (send_blob(asked, conn, store, blobs, *n, err) < 0)
            return err->code;
    return TENON_OK;
}
