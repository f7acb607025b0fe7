/* image/tar.c - see tar.h. */
#include "image/tar.h"

static int
put(const struct tenon_tar *t, const struct tenon_buf *b, struct tenon_error *err)
{
    return b->len ? t->write(t->data, b->data, b->len, err) : 0;
}

int
tenon_tar_header(const struct tenon_tar *t, const struct tenon_tar_entry *e,
                 struct tenon_error *err)
{
    auto_buf struct tenon_buf b = TENON_BUF_INIT;
    if (!tenon_tar_encode(&b, e))
        return tenon_error_set(err, TENON_E_UNSUPPORTED,
                               "\"%s\": tar cannot hold device %u:%u", e->name,
                               e->major, e->minor);
    return put(t, &b, err);
}

int
tenon_tar_pad(const struct tenon_tar *t, uint64_t size, struct tenon_error *err)
{
    auto_buf struct tenon_buf b = TENON_BUF_INIT;
    tenon_tar_pad_buf(&b, size);
    return put(t, &b, err);
}

int
tenon_tar_end(const struct tenon_tar *t, struct tenon_error *err)
{
    auto_buf struct tenon_buf b = TENON_BUF_INIT;
    tenon_tar_end_buf(&b);
    return put(t, &b, err);
}
