/* store/storeid.c - the name of a store, which clients of a server know it by. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/io.h"
#include "tools/alloc.h"
#include "store/private.h"

#define NAME "id"
static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";

/* False: there is none, or what is there is none. */
static bool
read_id(struct tenon_store *s, char out[TENON_STORE_ID_LEN + 1])
{
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    auto_close int fd = openat(s->fd, NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

    memset(out, 0, TENON_STORE_ID_LEN + 1);
    return fd >= 0 &&
           tenon_read_full(fd, out, TENON_STORE_ID_LEN, &ignored) == TENON_STORE_ID_LEN &&
           strspn(out, digits) == TENON_STORE_ID_LEN;
}

static int
make_id(struct tenon_store *s, struct tenon_error *err)
{
    char id[TENON_STORE_ID_LEN];

    if (getrandom(id, sizeof id, 0) != sizeof id)
        return tenon_error_sys(err, "name a store");
    for (size_t i = 0; i < sizeof id; i++)
        id[i] = digits[(unsigned char)id[i] % (sizeof digits - 1)];
    if (tenon_write_file_at(s->fd, NAME, id, sizeof id, 0600, false, err) < 0)
        return tenon_error_context(err, "store %s", s->path);
    return TENON_OK;
}

int
tenon_store_id(struct tenon_store *s, char out[TENON_STORE_ID_LEN + 1], struct tenon_error *err)
{
    struct tenon_lock *lock = NULL;

    if (read_id(s, out))
        return TENON_OK;
    if (tenon_lock_acquire(s, "store-id", false, -1, NULL, &lock, err) < 0)
        return err->code;
    if (!read_id(s, out) && make_id(s, err) == 0 && !read_id(s, out))
        tenon_error_set(err, TENON_E_FAILED, "store %s/" NAME " is not what was written", s->path);
    tenon_lock_release(lock);
    return err->code;
}
