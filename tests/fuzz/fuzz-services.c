/* fuzz-services - what services of a client's session answer: a directory that comes, one that
 * goes, an upload.  Nothing beside the directory changes.
 *
 * The first byte chooses the service and its options; after it are messages, each behind its length
 * in two bytes.  A length of 0 ends a call, and the next one finds what that has left.  Two bits of
 * the first byte have calls break off there, or end in a status that is not OK. */
#define FUZZ_CORPUS "services"
#include <sys/mman.h>

#include "jail.h"

#include "base/error.h"
#include "base/json.h"
#include "common/grpc/grpc.h"
#include "dirsend.h"
#include "filesync.h"
#include "uploads.h"

static void fuzz_prepare(void);
#include "fuzz.h"

enum { CALLS_MAX = 8 };

static void
fuzz_prepare(void)
{
}

/* ---- calls that have their answers already ------------------------------------------- */

struct grpc_call {
    const uint8_t *data;
    size_t size;
    bool breaks, fails; /* at its end: nobody knows whether that is all; with a status */
};
static struct grpc_call next;

struct grpc_call *
callset_start(struct callset *s, struct grpc_conn *conn, const char *path,
              const struct grpc_header *headers, size_t count)
{
    (void)s;
    (void)conn;
    tenon_assert(*path == '/');
    for (size_t i = 0; i < count; i++)
        for (const char *p = headers[i].value; *p; p++)
            tenon_assert(*p >= ' ' && *p <= '~');
    return &next;
}

void
callset_free(struct callset *s, struct grpc_call *call)
{
    (void)s;
    (void)call;
}

int
grpc_call_recv(struct grpc_call *call, struct tenon_buf *message)
{
    const int end = call->breaks ? -1 : 0;
    if (call->size < 2)
        return end;
    size_t len = (size_t)call->data[0] | (size_t)call->data[1] << 8;
    call->data += 2;
    call->size -= 2;
    if (len == 0)
        return end;
    len = len < call->size ? len : call->size;
    auto_free char *copy = fuzz_copy(call->data, len);
    tenon_buf_truncate(message, 0);
    tenon_buf_add(message, copy, len);
    call->data += len;
    call->size -= len;
    return 1;
}

int
grpc_call_send(struct grpc_call *call, const void *data, size_t len)
{
    (void)call;
    tenon_assert(data || !len);
    return 0;
}

void
grpc_call_close_send(struct grpc_call *call)
{
    (void)call;
}

void
grpc_call_cancel(struct grpc_call *call)
{
    (void)call;
}

void
grpc_call_status(struct grpc_call *call, struct grpc_status *status)
{
    *status = (struct grpc_status){0};
    if (call->breaks || call->fails)
        status->code = call->breaks ? GRPC_UNAVAILABLE : GRPC_NOT_FOUND;
}

void
grpc_status_release(struct grpc_status *s)
{
    (void)s;
}

const char *
grpc_code_name(int code, char room[24])
{
    (void)code;
    (void)room;
    return "ended";
}

/* ---- services ------------------------------------------------------------------------ */

static void
receive(unsigned how, int dirfd)
{
    static const char *const wishes[] = {
        NULL, "{\"differ\": \"none\"}", "{\"include\": [\"a\\u00e9\"], \"follow\": [\"b\"]}",
        "{\"metadata-except\": [\"a\", \"b/**\"]}",
    };
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    const char *wish = wishes[how & 3];
    struct json_object *wanted = NULL;
    struct budget budget = {0};
    if (wish)
        tenon_assert(tenon_json_parse(wish, strlen(wish), 1024, &wanted, &err) == 0);
    const int rc = filesync_receive(NULL, NULL, "context", wanted, &budget, dirfd,
                                    how & 4 ? FILESYNC_ANY : FILESYNC_SAME, &err);
    tenon_assert(rc == 0 || err.message);
    json_object_put(wanted);
}

static void
serve(unsigned how, int dirfd)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct budget budget = {0};
    auto_close int fd = -1;

    switch (how >> 3 & 3) {
    default:
        receive(how, dirfd);
        break;
    case 2:
        tenon_assert(dirsend_send(NULL, NULL, "/a/b", "0", dirfd, &err) == 0 || err.message);
        break;
    case 3:
        fd = memfd_create("upload", MFD_CLOEXEC);
        tenon_assert(uploads_receive(NULL, NULL, "name", &budget, fd, &err) == 0 || err.message);
        break;
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf before = TENON_BUF_INIT, after = TENON_BUF_INIT;
    if (size == 0)
        return 0;
    const unsigned how = *data;
    next = (struct grpc_call){data + 1, size - 1, how & 32, how & 64};
    jail_note_all(&before);
    if (mkdir(JAIL_ROOM "/dir", 0755) < 0)
        jail_failed(JAIL_ROOM "/dir");
    auto_close int fd = open(JAIL_ROOM "/dir", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; i < CALLS_MAX && next.size; i++) /* what goes has come before */
        serve(i == 0 && how >> 3 & 2 ? how & 7 : how, fd);
    jail_note_all(&after);
    jail_same(&before, &after);
    tenon_assert(tenon_remove_tree(AT_FDCWD, JAIL_ROOM "/dir", &err) == 0);
    return 0;
}
