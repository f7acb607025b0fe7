/* Many builds in one process: at the same time on one store with one set of plugins,
 * and one after the other.  Needs to mount: skipped without root. */
#include "registrykit.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>

#include "base/json.h"
#include "context/engine.h"
#include "context/session.h"
#include "engine/build.h"
#include "engine/host.h"
#include "image/tar.h"

/* What one of them is given, and how it ended. */
struct one {
    const char *dir;      /* its context, also that of the Dockerfile */
    bool waits;           /* its context comes when it is cancelled, that is never */
    int asked;            /* eventfd-like pipe end: it waits now */
    struct tenon_engine engine;
    struct tenon_session session;
    struct tenon_build *build;
    struct tenon_error err;
    int code;
};

static char store_path[64], good_path[64], bad_path[64], half_path[64];
static int store_dir, good_dir, bad_dir, half_dir;
static struct tenon_store *store;
static struct tenon_plugins *plugins;
static struct json_object *config;

static int
local_open(void *data, const char *service, const char *id, struct tenon_error *e)
{
    struct one *o = data;

    if (strcmp(service, "local"))
        return tenon_error_set(e, TENON_E_UNSUPPORTED, "%s \"%s\"", service, id);
    if (o->waits) {
        struct pollfd p = { .fd = tenon_cancel_fd(o->engine.cancel), .events = POLLIN };
        ck_assert_int_eq(write(o->asked, "", 1), 1);
        ck_assert_int_eq(poll(&p, 1, 60000), 1);
        return tenon_cancel_check(o->engine.cancel, e);
    }
    if (!strcmp(id, "third"))
        poll(NULL, 0, 5); /* late, most of the time */
    return open(o->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static const char *
local_path(void *data, const char *name)
{
    (void)name;
    return ((struct one *)data)->dir;
}

static void
begin(struct one *o, const char *dir)
{
    *o = (struct one){ .dir = dir, .err = TENON_ERROR_INIT };
    o->session = (struct tenon_session){ .data = o, .open = local_open, .local_path = local_path };
    o->engine = (struct tenon_engine){
        .store = store, .plugins = plugins, .session = &o->session, .config = config,
        .host_platform = "linux/amd64", .cancel = tenon_cancel_new(NULL), .jobs = 2,
    };
    o->build = tenon_build_new(&o->engine);
}

static void *
run(void *data)
{
    struct one *o = data;
    const struct tenon_build_request req = {
        .frontend = "dockerfile",
        .options = (const char *const[]){ "filename=Dockerfile", "context:other=local:other",
                                              "context:third=local:third", NULL },
    };
    o->code = tenon_build_run(o->build, &req, &o->err);
    return NULL;
}

static void
end(struct one *o)
{
    tenon_build_free(o->build);
    tenon_engine_release(&o->engine);
    ck_assert_ptr_null(o->engine.build);
    ck_assert_ptr_null(o->engine.kept);
    tenon_cancel_free(o->engine.cancel);
    tenon_error_release(&o->err);
}

static void
setup(void)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    const struct tenon_plugins_options po = {
        .builtin_dir = getenv("TENON_BUILD_PLUGIN_DIR"),
        .host = tenon_engine_host(),
    };

    config = json_object_new_object();
    store_dir = unit_tmpdir(store_path);
    good_dir = unit_tmpdir(good_path);
    bad_dir = unit_tmpdir(bad_path);
    half_dir = unit_tmpdir(half_path);
    unit_write(good_dir, "Dockerfile", "FROM scratch\nCOPY f /f\n");
    unit_write(good_dir, "f", "f");
    unit_write(bad_dir, "Dockerfile", "FROM scratch\nCOPY g /g\n");
    unit_write(half_dir, "Dockerfile", "FROM scratch\nCOPY --from=other f /f\nCOPY --from=third f /f\nCOPY g /g\n");
    unit_write(half_dir, "f", "f");
    ck_assert_msg(tenon_store_open(store_path, &store, &err) == 0, "%s", err.message);
    ck_assert_msg(tenon_plugins_new(&po, &plugins, &err) == 0, "%s", err.message);
}

static void
teardown(void)
{
    tenon_plugins_free(plugins);
    tenon_store_close(store);
    json_object_put(config);
    unit_tmpdir_remove(store_dir, store_path);
    unit_tmpdir_remove(good_dir, good_path);
    unit_tmpdir_remove(bad_dir, bad_path);
    unit_tmpdir_remove(half_dir, half_path);
}

START_TEST(test_builds_at_once_leave_nothing_of_each_other)
{
    enum { MANY = 6 };
    struct one good[MANY], bad, stopped;
    pthread_t threads[MANY + 2];
    int pipe_fds[2];
    char byte;

    ck_assert_int_eq(pipe2(pipe_fds, O_CLOEXEC), 0);
    for (size_t i = 0; i < MANY; i++)
        begin(&good[i], good_path);
    begin(&bad, bad_path);
    begin(&stopped, good_path);
    stopped.waits = true;
    stopped.asked = pipe_fds[1];

    pthread_create(&threads[MANY], NULL, run, &bad);
    pthread_create(&threads[MANY + 1], NULL, run, &stopped);
    ck_assert_int_eq(read(pipe_fds[0], &byte, 1), 1); /* it runs, beside all others */
    for (size_t i = 0; i < MANY; i++)
        pthread_create(&threads[i], NULL, run, &good[i]);
    for (size_t i = 0; i <= MANY; i++)
        pthread_join(threads[i], NULL);
    tenon_cancel_fire(stopped.engine.cancel);
    pthread_join(threads[MANY + 1], NULL);

    for (size_t i = 0; i < MANY; i++) {
        ck_assert_msg(good[i].code == 0, "%s", good[i].err.message);
        ck_assert_uint_eq(tenon_build_result(good[i].build)->platforms.len, 1);
    }
    ck_assert_int_eq(bad.code, TENON_E_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(bad.err.message, "\"/g\": not found"));
    ck_assert_int_eq(stopped.code, TENON_E_CANCELLED);
    for (size_t i = 0; i < MANY; i++)
        end(&good[i]);
    end(&bad);
    end(&stopped);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
}
END_TEST

struct seen {
    char open[16][72]; /* digests of what began and has not ended */
    int open_count, canceled;
};

static void
see_vertex(void *data, const struct tenon_event *ev)
{
    struct seen *seen = data;
    if (ev->type != TENON_EVENT_VERTEX || !ev->started_ns)
        return;
    seen->canceled += !!(ev->flags & TENON_EVENT_CANCELED);
    int i = 0;
    while (i < seen->open_count && strcmp(seen->open[i], ev->vertex))
        i++;
    ck_assert_int_lt(i, (int)tenon_countof(seen->open));
    if (i == seen->open_count && !ev->completed_ns)
        snprintf(seen->open[seen->open_count++], sizeof seen->open[0], "%s", ev->vertex);
    else if (i < seen->open_count && ev->completed_ns)
        memcpy(seen->open[i], seen->open[--seen->open_count], sizeof seen->open[0]);
}

/* Who asked may end the display as soon as there is an answer: by then all has been shown,
 * also that what was not needed any more is cancelled. (TSan sees when that is left to chance.) */
START_TEST(test_builds_are_shown_before_they_are_told)
{
    int canceled = 0;
    /* Many builds have something left to cancel, if what they copy is not there already. */
    for (int i = 0; i < 60 || (!canceled && i < 1000); i++) {
        auto_free char *text = tenon_asprintf("%d", i);
        unit_write(half_dir, "f", text);
        struct one o;
        struct seen seen = { 0 };
        begin(&o, half_path);
        o.engine.events = tenon_events_new(see_vertex, NULL, &seen);
        run(&o);
        tenon_events_free(o.engine.events);
        o.engine.events = NULL;
        ck_assert_int_eq(o.code, TENON_E_NOT_FOUND);
        ck_assert_int_eq(seen.open_count, 0);
        canceled += seen.canceled;
        end(&o);
    }
    ck_assert_int_gt(canceled, 0);
}
END_TEST

/* What one left would be the next one's leak: seen by LeakSanitizer. */
START_TEST(test_builds_one_after_the_other)
{
    for (int i = 0; i < 50; i++) {
        struct one o;
        begin(&o, i % 5 == 4 ? bad_path : good_path);
        run(&o);
        ck_assert_int_eq(o.code, i % 5 == 4 ? TENON_E_NOT_FOUND : 0);
        end(&o);
    }
}
END_TEST

/* ---- with a pull ------------------------------------------------------------------ */

static int
to_buf(void *data, const void *bytes, size_t len, struct tenon_error *err)
{
    (void)err;
    tenon_buf_add(data, bytes, len);
    return 0;
}

/* An image of one layer, which has one file, as documents. */
struct image {
    struct tenon_buf layer;
    char *config, *manifest;
};

static void
make_image(struct image *image)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_tar tar = { to_buf, &image->layer };
    const struct tenon_tar_entry e = { .type = TENON_TAR_FILE, .name = "base", .mode = 0644, .size = 1 };
    struct tenon_digest layer, its_config;

    ck_assert_int_eq(tenon_tar_header(&tar, &e, &err), 0);
    tenon_buf_addc(&image->layer, 'b');
    ck_assert_int_eq(tenon_tar_pad(&tar, e.size, &err), 0);
    ck_assert_int_eq(tenon_tar_end(&tar, &err), 0);
    tenon_digest_of(image->layer.data, image->layer.len, &layer);
    image->config = tenon_asprintf("{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{},"
                                   "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"%s\"]}}",
                                   layer.str);
    tenon_digest_of(image->config, strlen(image->config), &its_config);
    image->manifest = tenon_asprintf(
        "{\"schemaVersion\":2,\"mediaType\":\"" TENON_MT_OCI_MANIFEST "\","
        "\"config\":{\"mediaType\":\"" TENON_MT_OCI_CONFIG "\","
        "\"digest\":\"%s\",\"size\":%zu},"
        "\"layers\":[{\"mediaType\":\"" TENON_MT_OCI_LAYER "\","
        "\"digest\":\"%s\",\"size\":%zu}]}",
        its_config.str, strlen(image->config), layer.str, image->layer.len);
}

/* A store each: all of the image is fetched and unpacked anew every time. */
START_TEST(test_builds_that_pull_one_after_the_other)
{
    enum { MANY = 50 };
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct image image = {0};
    struct tenon_digest layer;
    struct tenon_store *first = store;
    make_image(&image);
    tenon_digest_of(image.layer.data, image.layer.len, &layer);
    auto_free char *head = digest_head(image.manifest);
    auto_free char *get_layer = tenon_asprintf("GET " PATH_BLOB "%s", layer.str);
    struct answer answers[] = {
        { .request = "HEAD " PATH_MANIFEST "v1", .head = head },
        { .request = "GET " PATH_MANIFEST "sha256:", .head = OK_MANIFEST, .body = image.manifest },
        { .request = get_layer, .head = "200 OK\r\n", .body = image.layer.data,
          .body_len = image.layer.len },
        { .request = "GET " PATH_BLOB, .head = "200 OK\r\n", .body = image.config },
        {0},
    };
    struct server server = {0};
    server_start(&server, answers);
    auto_free char *text = tenon_asprintf("FROM 127.0.0.1:%u/team/app:v1\nCOPY f /f\n", server.port);
    unit_write(good_dir, "Dockerfile", text);

    for (int i = 0; i < MANY; i++) {
        struct one o;
        auto_free char *path = tenon_asprintf("%s/%d", store_path, i);
        ck_assert_msg(tenon_store_open(path, &store, &err) == 0, "%s", err.message);
        begin(&o, good_path);
        run(&o);
        ck_assert_msg(o.code == 0, "%s", o.err.message);
        end(&o);
        tenon_store_close(store);
    }
    store = first;
    ck_assert_int_eq(server_count(&server, get_layer), MANY);
    ck_assert_int_eq(server_refused(&server), 0);
    server_stop(&server);
    tenon_buf_release(&image.layer);
    free(image.config);
    free(image.manifest);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("builds");
    TCase *t = tcase_create("builds");

    if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
        puts("needs root");
        return 77;
    }
    tcase_set_timeout(t, 300);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, test_builds_at_once_leave_nothing_of_each_other);
    tcase_add_test(t, test_builds_are_shown_before_they_are_told);
    tcase_add_test(t, test_builds_one_after_the_other);
    tcase_add_test(t, test_builds_that_pull_one_after_the_other);
    suite_add_tcase(s, t);
    return unit_run(s);
}
