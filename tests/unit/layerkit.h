/* layerkit.h - small tars and a store, for the tests of layers. */
#ifndef TENON_TEST_LAYERKIT_H
#define TENON_TEST_LAYERKIT_H

#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/xattr.h>

#include "base/root.h"
#include "tools/buf.h"
#include "image/layer.h"
#include "image/tar.h"
#include "unit.h"

struct kit {
    char dir[64];
    int dirfd;
    struct tenon_store *store;
};

__attribute__((unused)) static bool
kit_can_mount(void)
{
    static int can = -1;
    if (can < 0)
        can = geteuid() == 0 && unshare(CLONE_NEWNS) == 0 &&
              mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
    return can;
}

__attribute__((unused)) static void
kit_open(struct kit *k)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    k->dirfd = unit_tmpdir(k->dir);
    auto_free char *root = tenon_asprintf("%s/store", k->dir);
    ck_assert_msg(tenon_store_open(root, &k->store, &err) == 0, "%s", err.message);
}

__attribute__((unused)) static void
kit_close(struct kit *k)
{
    tenon_store_close(k->store);
    unit_tmpdir_remove(k->dirfd, k->dir);
}

__attribute__((unused)) static int
kit_tar_write(void *data, const void *buf, size_t len, struct tenon_error *err)
{
    (void)err;
    tenon_buf_add(data, buf, len);
    return 0;
}

/* One line an entry: "TYPE NAME [LINK or TEXT]"; type f d l(symlink) h(hard)
 * c b p.  Modes 0644, 0755 for directories; mtime 1000000000. */
__attribute__((unused)) static void
kit_tar(struct tenon_buf *out, const char *const *lines)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_tar t = {kit_tar_write, out};
    for (; *lines; lines++) {
        auto_free char *copy = tenon_strdup(*lines);
        char *name = copy + 2, *rest = strchr(name, ' ');
        if (rest)
            *rest++ = '\0';
        struct tenon_tar_entry e = {.name = name, .mode = 0644, .mtime = 1000000000};
        switch (copy[0]) {
        case 'f':
            e.type = TENON_TAR_FILE;
            e.size = rest ? strlen(rest) : 0;
            break;
        case 'd':
            e.type = TENON_TAR_DIR;
            e.mode = 0755;
            break;
        case 'l':
            e.type = TENON_TAR_SYMLINK;
            e.link = rest;
            break;
        case 'h':
            e.type = TENON_TAR_HARDLINK;
            e.link = rest;
            break;
        case 'c':
            e.type = TENON_TAR_CHAR;
            e.major = rest ? 1 : 0;
            e.minor = rest ? 3 : 0;
            break;
        default:
            e.type = TENON_TAR_FIFO;
            break;
        }
        ck_assert_int_eq(tenon_tar_header(&t, &e, &err), 0);
        if (e.type == TENON_TAR_FILE && e.size > 0) {
            tenon_buf_add(out, rest, strlen(rest));
            ck_assert_int_eq(tenon_tar_pad(&t, e.size, &err), 0);
        }
    }
    ck_assert_int_eq(tenon_tar_end(&t, &err), 0);
}

__attribute__((unused)) static int
kit_fd(const void *data, size_t len)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    int fd = memfd_create("tar", MFD_CLOEXEC);
    ck_assert_int_eq(tenon_write_all(fd, data, len, &err), 0);
    lseek(fd, 0, SEEK_SET);
    return fd;
}

__attribute__((unused)) static int
kit_unpack(struct kit *k, const char *const *lines, const struct tenon_chain *lower, int64_t *id,
           struct tenon_error *err)
{
    auto_buf struct tenon_buf tar = TENON_BUF_INIT;
    kit_tar(&tar, lines);
    auto_close int fd = kit_fd(tar.data, tar.len);
    return tenon_layer_unpack(k->store, fd, NULL, lower, NULL, id, err);
}

#endif
