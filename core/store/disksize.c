/* store/disksize.c - how much of the disk a tree takes. */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <uthash.h>

#include "base/io.h"
#include "tools/alloc.h"
#include "store/private.h"

struct inode {
    dev_t dev;
    ino_t ino;
};

struct seen {
    struct inode key;
    UT_hash_handle hh;
};

struct sum {
    uint64_t bytes;
    struct seen *seen; /* files with several names */
};

static bool
first_sight(struct sum *sum, const struct stat *st)
{
    if (S_ISDIR(st->st_mode) || st->st_nlink < 2)
        return true;
    struct inode key;
    struct seen *one;
    memset(&key, 0, sizeof key); /* the padding is hashed, too */
    key.dev = st->st_dev;
    key.ino = st->st_ino;
    HASH_FIND(hh, sum->seen, &key, sizeof key, one);
    if (one)
        return false;
    one = tenon_new0(struct seen);
    one->key = key;
    HASH_ADD(hh, sum->seen, key, sizeof one->key, one);
    return true;
}

static void
sum_tree(int dirfd, const char *name, struct sum *sum, unsigned depth)
{
    struct stat st;
    if (depth > 4096 || fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return;
    if (first_sight(sum, &st))
        sum->bytes += (uint64_t)st.st_blocks * 512;
    if (!S_ISDIR(st.st_mode))
        return;
    int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    auto_dir DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    for (struct dirent *e = dir ? readdir(dir) : NULL; e; e = readdir(dir))
        if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
            sum_tree(fd, e->d_name, sum, depth + 1);
}

uint64_t
store_disk_bytes(int dirfd, const char *name)
{
    struct sum sum = {0};
    sum_tree(dirfd, name, &sum, 0);
    struct seen *one, *next;
    HASH_ITER(hh, sum.seen, one, next) {
        HASH_DEL(sum.seen, one);
        free(one);
    }
    return sum.bytes;
}
