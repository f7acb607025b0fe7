/* scanner-packages/rpm.c - rpm's packages: headers (rpm's doc/manual/hregions, hdrformat) in the
 * table of a database of SQLite, as all distributions have it since 2020.
 *
 * Read here and not with librpm, which opens a database where its configuration says, locks and
 * may write to it, and brings along an interpreter and plugins of its own: what is wanted are seven
 * fields, and the database is a stranger's. */
#include "found.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/alloc.h"
#include "tools/cleanup.h"

#define DATABASE_MAX ((off_t)1 << 30)
#define HEADER_MAX (32 << 20)
#define ENTRIES_MAX 65536u
/* Steps of SQLite's machine: some hundred for a package. One that is made to be without end is
 * given up. */
#define STEPS_AT_A_TIME 100000
#define STEPS_MAX 200

enum tag {
    TAG_NAME = 1000, TAG_VERSION = 1001, TAG_RELEASE = 1002, TAG_EPOCH = 1003, TAG_VENDOR = 1011,
    TAG_LICENSE = 1014, TAG_ARCH = 1022,
};
enum { TYPE_INT32 = 4, TYPE_STRING = 6, TYPE_I18N = 9 };

/* ---- a header: numbers of entries and bytes, entries of 16 bytes, data; all big-endian --- */

struct header {
    const uint8_t *entries, *data;
    uint32_t count, len;
};

static uint32_t
number(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static bool
open_header(const uint8_t *blob, size_t len, struct header *h)
{
    if (len < 8)
        return false;
    h->count = number(blob);
    h->len = number(blob + 4);
    if (h->count > ENTRIES_MAX || (uint64_t)h->count * 16 + h->len > len - 8)
        return false;
    h->entries = blob + 8;
    h->data = h->entries + (size_t)h->count * 16;
    return true;
}

/* Where the data of a tag begins, and what is left from there. */
static const uint8_t *
find(const struct header *h, enum tag tag, uint32_t *type, size_t *left)
{
    for (uint32_t i = 0; i < h->count; i++) {
        const uint8_t *e = h->entries + (size_t)i * 16;
        const uint32_t offset = number(e + 8);
        if (number(e) != (uint32_t)tag || offset >= h->len || !number(e + 12))
            continue;
        *type = number(e + 4);
        *left = h->len - offset;
        return h->data + offset;
    }
    return NULL;
}

static const char *
text_of(const struct header *h, enum tag tag)
{
    uint32_t type;
    size_t left;
    const uint8_t *p = find(h, tag, &type, &left);
    return p && (type == TYPE_STRING || type == TYPE_I18N) && memchr(p, 0, left)
               ? (const char *)p : NULL;
}

static void
add_package(struct scan *s, const struct header *h, const char *path)
{
    const char *name = text_of(h, TAG_NAME), *version = text_of(h, TAG_VERSION),
               *release = text_of(h, TAG_RELEASE), *arch = text_of(h, TAG_ARCH);
    uint32_t type;
    size_t left;
    const uint8_t *epoch = find(h, TAG_EPOCH, &type, &left);
    if (!name || !version || !release || !strcmp(name, "gpg-pubkey")) /* a key that is trusted */
        return;
    auto_free char *whole = tenon_asprintf("%s-%s", version, release);
    auto_free char *q_arch = arch ? tenon_asprintf("arch=%s", arch) : NULL;
    auto_free char *q_epoch = epoch && type == TYPE_INT32 && left >= 4 && number(epoch)
                                  ? tenon_asprintf("epoch=%u", number(epoch)) : NULL;
    auto_free char *distro = *s->os_version ? tenon_asprintf("distro=%s-%s", s->os_id,
                                                             s->os_version) : NULL;
    const char *qualifiers[4] = { 0 };
    const char *const all[] = { q_arch, distro, q_epoch };
    size_t n = 0;
    for (size_t i = 0; i < tenon_countof(all); i++)
        if (all[i])
            qualifiers[n++] = all[i];
    found_add(s, "rpm", *s->os_id ? s->os_id : "rpm", name, whole, qualifiers,
              text_of(h, TAG_LICENSE), text_of(h, TAG_VENDOR), path);
}

/* ---- the database --------------------------------------------------------------------------- */

static int
count_steps(void *data)
{
    return ++*(unsigned *)data > STEPS_MAX;
}

/* The file may be in the form that has a log beside it, which a database in memory cannot have;
 * the log is empty once rpm has ended. */
static void
without_log(uint8_t *map)
{
    map[18] = map[19] = 1;
}

static bool
each_header(struct scan *s, sqlite3 *db, const char *path)
{
    sqlite3_stmt *q = NULL;
    unsigned steps = 0;
    int rc;
    sqlite3_limit(db, SQLITE_LIMIT_LENGTH, HEADER_MAX);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_progress_handler(db, STEPS_AT_A_TIME, count_steps, &steps);
    rc = sqlite3_prepare_v2(db, "SELECT blob FROM Packages", -1, &q, NULL);
    while (rc == SQLITE_OK && !s->full && (rc = sqlite3_step(q)) == SQLITE_ROW) {
        struct header h;
        const uint8_t *blob = sqlite3_column_blob(q, 0);
        if (blob && open_header(blob, (size_t)sqlite3_column_bytes(q, 0), &h))
            add_package(s, &h, path);
        rc = SQLITE_OK;
    }
    sqlite3_finalize(q);
    return rc == SQLITE_DONE || s->full;
}

static bool
read_database(struct scan *s, uint8_t *map, size_t len, const char *path)
{
    sqlite3 *db = NULL;
    without_log(map);
    bool good = sqlite3_open_v2(":memory:", &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                                NULL) == SQLITE_OK &&
                sqlite3_deserialize(db, "main", map, (sqlite3_int64)len, (sqlite3_int64)len,
                                    SQLITE_DESERIALIZE_READONLY) == SQLITE_OK;
    good = good && each_header(s, db, path);
    sqlite3_close(db);
    return good;
}

int
scan_rpm(struct scan *s, const char *path)
{
    struct tenon_error *ignored = s->host->error->create(s->ctx);
    struct stat st;
    auto_close int fd =
        s->host->files->open_in(s->ctx, s->root, path, O_RDONLY | O_NONBLOCK, 0, ignored);
    s->host->error->clear(ignored);
    if (fd < 0)
        return 0;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size < 512 ||
        st.st_size > DATABASE_MAX)
        return -1;
    /* Ours alone, and only what is read of it. The tree does not change any more. */
    uint8_t *map = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    if (map == MAP_FAILED)
        return -1;
    const bool good = read_database(s, map, (size_t)st.st_size, path);
    munmap(map, (size_t)st.st_size);
    return good ? 1 : -1;
}
