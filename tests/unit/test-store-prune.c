/* What a running build uses is never collected, however old it is, and whenever it
 * is used: each kind of thing at each moment of a collection, by a process that has
 * been there before, comes just then, or has gone again. */
#include "unit.h"

#include <dirent.h>
#include <errno.h>

#include "store/lease.h"
#include "store/store.h"

enum { LONG_AGO = 1000 }; /* ns since 1970 */

static char dir_path[64];
static int dir_fd = -1;
static struct tenon_store *store; /* the collector's */

#define OK(call)                                                                     \
    do {                                                                             \
        tenon_error_release(&err);                                                   \
        ck_assert_msg((call) >= 0, "%s: %s", #call, err.message ? err.message : ""); \
    } while (0)

static struct tenon_store *
open_store(void)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_store *s = NULL;
    OK(tenon_store_open(dir_path, &s, &err));
    return s;
}

static void
setup(void)
{
    dir_fd = unit_tmpdir(dir_path);
    store = open_store();
}

static void
teardown(void)
{
    tenon_store_close(store);
    store = NULL;
    unit_tmpdir_remove(dir_fd, dir_path);
}

/* ---- the kinds of things -------------------------------------------------------- */

struct user { /* a build */
    struct tenon_store *s;
    struct tenon_lock *lock;
    struct tenon_tempdir *tempdir;
    struct tenon_snapshot_work *work;
    int fd;
    bool has; /* it found, or made, what it wanted */
};

static int64_t
make_snapshot(struct tenon_store *s)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_snapshot_work *w;
    int64_t id = 0;
    OK(tenon_snapshot_begin(s, &w, &err));
    auto_close int fs = openat(tenon_snapshot_work_fs(w), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    unit_write(fs, "file", "text");
    OK(tenon_snapshot_commit(w, TENON_SNAPSHOT_REGULAR, "made", &id, &err));
    return id;
}

static bool
has_file(struct tenon_store *s, int64_t id)
{
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    auto_close int fs = tenon_snapshot_open(s, id, &ignored);
    return fs >= 0 && faccessat(fs, "file", F_OK, 0) == 0;
}

static const char key[] = "the key", chain_id[] = "the chain", name[] = "example.org/x:1";
static int64_t ids[3];

static void
make_record(struct tenon_store *s)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    const char *keys[] = { key };
    for (size_t i = 0; i < tenon_countof(ids); i++)
        ids[i] = make_snapshot(s);
    struct tenon_chain chain = { ids, tenon_countof(ids) };
    struct tenon_record r = { .output_count = 1, .outputs = &chain };
    tenon_digest_of(key, strlen(key), &r.id);
    OK(tenon_record_store(s, keys, 1, &r, "scope", "RUN x", NULL, 0, &err));
}

static bool
find_record(struct tenon_store *s)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_record r = {0};
    int found = tenon_record_find(s, key, &r, &err);
    ck_assert_msg(found >= 0, "%s", err.message);
    for (size_t i = 0; found && i < r.outputs[0].len; i++)
        ck_assert_msg(has_file(s, r.outputs[0].ids[i]), "a record leads to nothing");
    tenon_record_release(&r);
    return found;
}

static void
use_record(struct user *u)
{
    u->has = find_record(u->s);
}

static bool
record_is_there(struct user *u)
{
    bool whole = true;
    for (size_t i = 0; i < tenon_countof(ids); i++)
        whole = whole && has_file(u->s, ids[i]);
    return whole && find_record(u->s);
}

static void
make_layer(struct tenon_store *s)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    ids[0] = make_snapshot(s);
    OK(tenon_snapshot_set_chain_id(s, ids[0], chain_id, &err));
}

static void
use_layer(struct user *u)
{
    u->has = tenon_snapshot_by_chain_id(u->s, chain_id, &ids[1]);
}

static bool
layer_is_there(struct user *u)
{
    int64_t id = 0;
    return tenon_snapshot_by_chain_id(u->s, chain_id, &id) && id == ids[0] && has_file(u->s, id);
}

static struct tenon_digest digest; /* of a blob */

static void
make_blob(struct tenon_store *s)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    OK(tenon_blob_put(s, "blob", 4, &digest, &err));
}

static void
use_blob_by_name(struct user *u)
{
    u->has = tenon_blob_exists(u->s, digest.str, NULL);
}

static void
use_blob_by_opening(struct user *u)
{
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    auto_close int fd = tenon_blob_open(u->s, digest.str, NULL, &ignored);
    u->has = fd >= 0;
}

static void
use_blob_by_making(struct user *u)
{
    make_blob(u->s); /* the same bytes, of another layer or another pull */
    u->has = true;
}

static bool
blob_is_there(struct user *u)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf b = TENON_BUF_INIT;
    return tenon_blob_read(u->s, digest.str, 100, &b, &err) == 0 &&
           !strcmp(tenon_buf_str(&b), "blob");
}

/* Cache mounts and, under an id that no step can name, git repositories. */
static const char *cache_id, *cache_sharing;

static int
open_cache(struct tenon_store *s, struct tenon_lock **lock)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    int fd = tenon_cache_mount_open(s, cache_id, cache_sharing, -1, 0755, geteuid(), getegid(), -1,
                                    NULL, lock, &err);
    ck_assert_msg(fd >= 0, "%s", err.message);
    return fd;
}

static void
make_cache(struct tenon_store *s)
{
    struct tenon_lock *lock = NULL;
    auto_close int fd = open_cache(s, &lock);
    auto_close int dir = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    unit_write(dir, "kept", "text");
    tenon_lock_release(lock);
}

static void
use_cache(struct user *u)
{
    u->fd = open_cache(u->s, &u->lock);
    u->has = faccessat(u->fd, "kept", F_OK, 0) == 0;
    if (!u->has) { /* collected before: there is a new one */
        auto_close int dir = openat(u->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        unit_write(dir, "kept", "again");
        u->has = true;
    }
}

static bool
cache_is_there(struct user *u)
{
    struct stat mine, named;
    struct tenon_lock *lock = NULL;
    bool linked = fstat(u->fd, &mine) == 0 && mine.st_nlink > 0;
    tenon_lock_release(u->lock);
    u->lock = NULL;
    auto_close int again = open_cache(u->s, &lock);
    tenon_lock_release(lock);
    return linked && fstat(again, &named) == 0 && named.st_ino == mine.st_ino &&
           faccessat(again, "kept", F_OK, 0) == 0;
}

/* An image: its configuration, its manifest, and the name. */
static struct tenon_digest config, manifest;

static void
make_image(struct tenon_store *s)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    OK(tenon_blob_put(s, "{}", 2, &config, &err));
    auto_free char *text = tenon_asprintf("{\"config\":{\"digest\":\"%s\"}}", config.str);
    OK(tenon_blob_put(s, text, strlen(text), &manifest, &err));
}

static void
make_named_image(struct tenon_store *s)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    make_image(s);
    OK(tenon_image_set(s, name, manifest.str, NULL, 1, &err));
}

static void
use_image(struct user *u)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    make_image(u->s); /* what is there already is not made again */
    OK(tenon_image_set(u->s, name, manifest.str, NULL, 1, &err));
    u->has = true;
}

static void
use_nothing(struct user *u)
{
    u->has = true;
}

static bool
image_is_there(struct user *u)
{
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    struct tenon_image_row row = {0};
    bool named = tenon_image_get(u->s, name, &row, &ignored) == 0 &&
                 !strcmp(row.digest, manifest.str);
    tenon_image_row_release(&row);
    return named && tenon_blob_exists(u->s, manifest.str, NULL) &&
           tenon_blob_exists(u->s, config.str, NULL);
}

static void
make_nothing(struct tenon_store *s)
{
    (void)s;
}

/* A step that runs while others collect, and ends after it. */
static void
use_work(struct user *u)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    OK(tenon_snapshot_begin(u->s, &u->work, &err));
    auto_close int fs = openat(tenon_snapshot_work_fs(u->work), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    unit_write(fs, "file", "text");
    u->has = true;
}

static bool
work_is_there(struct user *u)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    int64_t id = 0;
    struct tenon_snapshot_work *w = tenon_steal(&u->work);
    return tenon_snapshot_commit(w, TENON_SNAPSHOT_REGULAR, "made", &id, &err) == 0 &&
           has_file(u->s, id);
}

static void
use_new_snapshot(struct user *u)
{
    make_record(u->s);
    u->has = true;
}

/* A step that runs on what is old: nothing but its record marks that. */
static void
use_new_step_on_old(struct user *u)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    const char *keys[] = { key };
    struct db_query q;
    OK(db_begin(u->s, &q, "SELECT 1 FROM snapshot WHERE id = ?1", &err));
    db_int(&q, 1, ids[0]);
    u->has = db_step(&q, &err) == 1;
    db_end(&q);
    if (!u->has)
        return;
    for (size_t i = 1; i < tenon_countof(ids); i++)
        ids[i] = make_snapshot(u->s);
    struct tenon_chain chain = { ids, tenon_countof(ids) };
    struct tenon_record r = { .output_count = 1, .outputs = &chain };
    tenon_digest_of(key, strlen(key), &r.id);
    OK(tenon_record_store(u->s, keys, 1, &r, "scope", "RUN x", NULL, 0, &err));
}

static void
use_tempdir(struct user *u)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    OK(tenon_tempdir_new(u->s, &u->tempdir, &err));
    unit_write(tenon_tempdir_fd(u->tempdir), "file", "text");
    u->has = true;
}

static bool
tempdir_is_there(struct user *u)
{
    auto_free char *file = tenon_asprintf("%s/file", tenon_tempdir_path(u->tempdir));
    return access(file, F_OK) == 0;
}

static void
use_log(struct user *u)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    u->fd = tenon_log_file(u->s, "build", "sha256:step", &err);
    ck_assert_msg(u->fd >= 0, "%s", err.message);
    u->has = write(u->fd, "line\n", 5) == 5;
}

static bool
log_is_there(struct user *u)
{
    struct stat st;
    (void)u;
    return fstatat(dir_fd, "logs/build/sha256-step", &st, 0) == 0 && st.st_size == 5;
}

static void
make_note(struct tenon_store *s)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    OK(tenon_pin_set(s, "note:x", "text", &err));
}

static bool
note_is_there(struct user *u)
{
    auto_free char *text = tenon_pin_get(u->s, "note:x");
    return text && !strcmp(text, "text");
}

static const struct kind {
    const char *what;
    void (*make)(struct tenon_store *s);
    void (*use)(struct user *u);
    bool (*is_there)(struct user *u);
    const char *cache_id, *sharing;
    unsigned place;    /* its files are the nth that are looked for without a row */
    bool may_be_lost;  /* once its row is gone nobody finds it, and it is made again */
    bool stays;        /* also when no build uses it */
    bool outlives;     /* is not to be lost when its build has ended */
} kinds[] = {
    { "a record", make_record, use_record, record_is_there, .place = 1, .may_be_lost = true },
    { "a layer", make_layer, use_layer, layer_is_there, .place = 1, .may_be_lost = true },
    { "a new step", make_nothing, use_new_snapshot, record_is_there, .place = 1 },
    { "a new step on an old layer", make_layer, use_new_step_on_old, record_is_there, .place = 1,
      .may_be_lost = true },
    { "a running step", make_nothing, use_work, work_is_there, .place = 1 },
    { "a blob asked for", make_blob, use_blob_by_name, blob_is_there, .place = 3 },
    { "a blob read", make_blob, use_blob_by_opening, blob_is_there, .place = 3 },
    { "a blob made again", make_blob, use_blob_by_making, blob_is_there, .place = 3 },
    { "a shared cache", make_cache, use_cache, cache_is_there, "c", "shared", .place = 2 },
    { "a private cache", make_cache, use_cache, cache_is_there, "c", "private", .place = 2 },
    { "a locked cache", make_cache, use_cache, cache_is_there, "c", "locked", .place = 2 },
    { "a git repository", make_cache, use_cache, cache_is_there, TENON_CACHE_KEPT "git:x", "locked",
      .place = 2 },
    { "an image made", make_image, use_image, image_is_there, .place = 3, .outlives = true },
    { "a named image", make_named_image, use_nothing, image_is_there, .place = 3, .stays = true,
      .outlives = true },
    { "tempdir", make_nothing, use_tempdir, tempdir_is_there, .place = 1 },
    { "a log", make_nothing, use_log, log_is_there, .place = 1 },
    { "a note", make_note, use_nothing, note_is_there, .place = 1, .stays = true },
};

/* ---- collecting ----------------------------------------------------------------- */

/* Nobody has used any of it for years. */
static void
make_old(void)
{
    static const char *const updates[] = {
        "UPDATE snapshot SET used = ?1, created = ?1", "UPDATE blob SET used = ?1, created = ?1",
        "UPDATE cache SET used = ?1, created = ?1", "UPDATE record SET used = ?1, created = ?1",
        "UPDATE image SET created = ?1", "UPDATE pin SET used = ?1",
    };
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    for (size_t i = 0; i < tenon_countof(updates); i++)
        OK(db_run(store, &err, updates[i], "i", (int64_t)LONG_AGO));
}

static void
leave(struct user *u)
{
    if (u->fd >= 0)
        close(u->fd);
    tenon_lock_release(u->lock);
    tenon_tempdir_free(u->tempdir);
    tenon_snapshot_discard(u->work);
    tenon_store_close(u->s);
    *u = (struct user){ .fd = -1 };
}

enum stay { WAS_THERE, COMES_THEN, GOES_AGAIN };

static struct scene {
    const struct kind *kind;
    enum tenon_prune_moment moment;
    enum stay stay;
    unsigned found; /* how often files were looked for */
    struct user user;
    bool happened;
} scene;

static void
play(void *data, enum tenon_prune_moment moment)
{
    struct scene *c = data;
    if (moment == TENON_PRUNE_FOUND && ++c->found != c->kind->place)
        return;
    if (moment != c->moment || c->happened)
        return;
    c->happened = true;
    if (!c->user.s)
        c->user.s = open_store();
    c->kind->use(&c->user);
    if (c->stay == GOES_AGAIN)
        leave(&c->user);
}

static size_t
prune(struct tenon_prune_options o)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_usage_row *rows = NULL;
    size_t n = 0;
    o.all = true;
    OK(tenon_prune(store, &o, &rows, &n, &err));
    tenon_usage_free(rows, n);
    return n;
}

static void
begin(const struct kind *k)
{
    cache_id = k->cache_id;
    cache_sharing = k->sharing;
    k->make(store);
    make_old();
}

enum { MOMENTS = TENON_PRUNE_FOUND + 1, STAYS_TRIED = 2, COMBINATIONS = MOMENTS * STAYS_TRIED };

/* _i: kind, moment, and whether the build was there before the collection. */
START_TEST(test_prune_leaves_what_is_used)
{
    const struct kind *k = &kinds[_i / COMBINATIONS];
    scene = (struct scene){ .kind = k, .moment = (enum tenon_prune_moment)(_i / STAYS_TRIED % MOMENTS),
                            .stay = (enum stay)(_i % STAYS_TRIED), .user = { .fd = -1 } };
    begin(k);
    if (scene.stay == WAS_THERE)
        scene.user.s = open_store();
    prune((struct tenon_prune_options){ .at = play, .at_data = &scene });
    ck_assert(scene.happened);
    bool is_late = scene.moment >= TENON_PRUNE_DELETED;
    ck_assert_msg(scene.user.has || (k->may_be_lost && is_late), "%s: was not found", k->what);
    if (scene.user.has)
        ck_assert_msg(k->is_there(&scene.user), "%s: used at moment %d by a build that %s, and lost",
                      k->what, scene.moment, scene.stay == WAS_THERE ? "was there" : "came then");
    leave(&scene.user);
}
END_TEST

/* The build names an image and ends, in the middle of a collection. */
START_TEST(test_prune_leaves_what_a_build_named_that_has_ended)
{
    const struct kind *k = &kinds[_i / COMBINATIONS];
    if (!k->outlives)
        return;
    scene = (struct scene){ .kind = k, .moment = (enum tenon_prune_moment)(_i / STAYS_TRIED % MOMENTS),
                            .stay = GOES_AGAIN, .user = { .fd = -1 } };
    begin(k);
    if (_i % STAYS_TRIED == WAS_THERE)
        scene.user.s = open_store();
    prune((struct tenon_prune_options){ .at = play, .at_data = &scene });
    ck_assert(scene.happened);
    struct user reader = { .s = store, .fd = -1 };
    ck_assert_msg(k->is_there(&reader), "%s: named at moment %d, and lost", k->what, scene.moment);
}
END_TEST

/* What the other tests rely on: unused, all of it goes, whoever else is at work. */
START_TEST(test_prune_takes_what_is_not_used)
{
    const struct kind *k = &kinds[_i];
    if (k->make == make_nothing)
        return;
    begin(k);
    struct tenon_store *idle = open_store();
    size_t n = prune((struct tenon_prune_options){0});
    tenon_store_close(idle);
    ck_assert_msg(k->stays ? n == 0 : n > 0, "%s: %zu rows went", k->what, n);
    struct user reader = { .s = store, .fd = -1 };
    if (k->stays)
        ck_assert_msg(k->is_there(&reader), "%s", k->what);
    else if (!k->cache_id)
        ck_assert_msg(!k->is_there(&reader), "%s", k->what);
    static const char *const dirs[] = { "snapshots", "cache-mounts", "content/blobs/sha256", "tmp" };
    for (size_t i = 0; i < tenon_countof(dirs); i++) {
        auto_dir DIR *d = NULL;
        int fd = openat(dir_fd, dirs[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ck_assert(fd >= 0 || errno == ENOENT);
        d = fd < 0 ? NULL : fdopendir(fd);
        for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d))
            ck_assert_msg(e->d_name[0] == '.' || k->stays, "%s: %s/%s is left", k->what, dirs[i],
                          e->d_name);
    }
}
END_TEST

/* Of all builds at work the one that began first counts, in whatever order they are
 * found. */
START_TEST(test_prune_goes_by_the_oldest_build)
{
    enum { BUILDS = 12 };
    struct tenon_store *builds[BUILDS];
    int64_t id[BUILDS]; /* made when the build of that number was the last to begin */
    for (size_t i = 0; i < BUILDS; i++) {
        builds[i] = open_store();
        id[i] = make_snapshot(store);
    }
    for (size_t gone = 0; gone <= BUILDS; gone++) {
        prune((struct tenon_prune_options){0});
        for (size_t i = 0; i < BUILDS; i++)
            ck_assert_msg(has_file(store, id[i]) == (i >= gone), "%zu builds ended, %zu", gone, i);
        if (gone < BUILDS)
            tenon_store_close(builds[gone]);
    }
}
END_TEST

/* Older than asked for and not in use: both, or it stays. */
START_TEST(test_prune_older_than_is_no_way_round_a_build)
{
    static const struct { int64_t used_ago_s, older_than_s; bool goes; } ages[] = {
        { 100, 0, true }, { 100, 50, true }, { 100, 150, false }, { 0, 1, false },
    };
    for (size_t i = 0; i < tenon_countof(ages); i++) {
        auto_error struct tenon_error err = TENON_ERROR_INIT;
        int64_t id = make_snapshot(store);
        OK(db_run(store, &err, "UPDATE snapshot SET used = ?1", "i",
                  (int64_t)tenon_now_ns() - ages[i].used_ago_s * 1000000000));
        prune((struct tenon_prune_options){ .older_than_ns = ages[i].older_than_s * 1000000000 });
        ck_assert_msg(has_file(store, id) == !ages[i].goes, "row %zu", i);
        prune((struct tenon_prune_options){0});
    }
    /* A build that has been at work for longer than that. */
    struct tenon_store *user = open_store();
    int64_t id = make_snapshot(user);
    prune((struct tenon_prune_options){ .older_than_ns = 1 });
    ck_assert(has_file(store, id));
    tenon_store_close(user);
}
END_TEST

START_TEST(test_prune_keeps_as_much_as_was_asked_for)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    int64_t id[3];
    for (size_t i = 0; i < tenon_countof(id); i++) {
        id[i] = make_snapshot(store);
        OK(db_run(store, &err, "UPDATE snapshot SET used = ?1, size = 1000 WHERE id = ?2", "ii",
                  (int64_t)(LONG_AGO + i), id[i]));
    }
    ck_assert_uint_eq(prune((struct tenon_prune_options){ .keep_bytes = 3000 }), 0);
    ck_assert_uint_eq(prune((struct tenon_prune_options){ .keep_bytes = 2999 }), 1);
    ck_assert(!has_file(store, id[0]));
    ck_assert_uint_eq(prune((struct tenon_prune_options){ .keep_bytes = 1000 }), 1);
    ck_assert(!has_file(store, id[1]));
    ck_assert(has_file(store, id[2]));
}
END_TEST

/* Without --all, what the engine itself keeps stays; of a type, only that. */
START_TEST(test_prune_goes_by_type)
{
    static const struct { enum tenon_snapshot_type type; const char *name; bool own; } types[] = {
        { TENON_SNAPSHOT_REGULAR, "regular", false }, { TENON_SNAPSHOT_LOCAL, "source.local", false },
        { TENON_SNAPSHOT_GIT, "source.git.checkout", false }, { TENON_SNAPSHOT_INTERNAL, "internal", true },
        { TENON_SNAPSHOT_FRONTEND, "frontend", true }, { TENON_SNAPSHOT_FAILED, "failed-step", false },
    };
    for (size_t i = 0; i < tenon_countof(types); i++) {
        auto_error struct tenon_error err = TENON_ERROR_INIT;
        struct tenon_usage_row *rows = NULL;
        size_t n = 0;
        int64_t id = make_snapshot(store);
        OK(db_run(store, &err, "UPDATE snapshot SET type = ?1", "i", (int64_t)types[i].type));
        for (size_t k = 0; k < tenon_countof(types); k++)
            if (k != i)
                prune((struct tenon_prune_options){ .type = types[k].name });
        ck_assert_msg(has_file(store, id), "%s", types[i].name);
        struct tenon_prune_options o = {0};
        OK(tenon_prune(store, &o, &rows, &n, &err));
        ck_assert_msg(has_file(store, id) == types[i].own, "%s", types[i].name);
        tenon_usage_free(rows, n);
        prune((struct tenon_prune_options){ .type = types[i].name });
        ck_assert_msg(!has_file(store, id), "%s", types[i].name);
    }
}
END_TEST

/* What a named index consists of, through manifests, to the layers. */
START_TEST(test_prune_keeps_all_that_a_named_image_consists_of)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_digest layer[2], part[2], index, loose;
    for (size_t i = 0; i < 2; i++) {
        auto_free char *text = tenon_asprintf("layer %zu", i);
        OK(tenon_blob_put(store, text, strlen(text), &layer[i], &err));
        auto_free char *doc = tenon_asprintf("{\"layers\":[{\"digest\":\"%s\"}]}", layer[i].str);
        OK(tenon_blob_put(store, doc, strlen(doc), &part[i], &err));
    }
    auto_free char *doc = tenon_asprintf("{\"manifests\":[{\"digest\":\"%s\"},{\"digest\":\"%s\"}]}",
                                         part[0].str, part[1].str);
    OK(tenon_blob_put(store, doc, strlen(doc), &index, &err));
    OK(tenon_blob_put(store, "loose", 5, &loose, &err));
    OK(tenon_image_set(store, name, index.str, NULL, 1, &err));
    make_old();
    ck_assert_uint_eq(prune((struct tenon_prune_options){0}), 1);
    for (size_t i = 0; i < 2; i++) {
        ck_assert(tenon_blob_exists(store, layer[i].str, NULL));
        ck_assert(tenon_blob_exists(store, part[i].str, NULL));
    }
    ck_assert(tenon_blob_exists(store, index.str, NULL));
    ck_assert(!tenon_blob_exists(store, loose.str, NULL));
    OK(tenon_image_remove(store, name, &err));
    ck_assert_uint_eq(prune((struct tenon_prune_options){0}), 5);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("store-prune");
    TCase *tc = tcase_create("prune");
    int all = (int)tenon_countof(kinds) * COMBINATIONS;
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, test_prune_leaves_what_is_used, 0, all);
    tcase_add_loop_test(tc, test_prune_leaves_what_a_build_named_that_has_ended, 0, all);
    tcase_add_loop_test(tc, test_prune_takes_what_is_not_used, 0, (int)tenon_countof(kinds));
    tcase_add_test(tc, test_prune_goes_by_the_oldest_build);
    tcase_add_test(tc, test_prune_older_than_is_no_way_round_a_build);
    tcase_add_test(tc, test_prune_keeps_as_much_as_was_asked_for);
    tcase_add_test(tc, test_prune_goes_by_type);
    tcase_add_test(tc, test_prune_keeps_all_that_a_named_image_consists_of);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
