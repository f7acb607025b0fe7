/* cli/imageload.c - see imageload.h.
 *
 * The exporter writes to a pipe; a thread of ours, with libcurl, takes it from there to POST
 * /images/load, which docker's engine and podman's service have both.  The program podman needs
 * no archive (podmanload.h). */
#include "imageload.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/json.h"
#include "registry/libcurl.h"
#include "tools/alloc.h"
#include "tools/buf.h"
#include "containerengine.h"
#include "podmanload.h"

enum { ANSWER_MAX = 1 << 20, CONNECT_SECONDS = 10, PIPE_BYTES = 1 << 20 };

struct image_load {
    struct container_engine engine;
    int write_fd;
    int read_fd;            /* the thread's */
    atomic_bool aborted;
    pthread_t thread;
    struct podman_load *podman; /* in place of all that; or NULL */
    struct tenon_buf answer;
    struct tenon_error err; /* the thread's, until it has ended */
};

int
image_load_check(struct tenon_error *err)
{
    auto_container_engine struct container_engine e = {0};
    return container_engine_find(&e, err);
}

/* ---- by the API, in a thread ------------------------------------------------------ */

static size_t
give(char *to, size_t size, size_t count, void *data)
{
    struct image_load *l = data;
    ssize_t n;
    while ((n = read(l->read_fd, to, size * count)) < 0 && errno == EINTR)
        ;
    return n < 0 || (n == 0 && atomic_load(&l->aborted)) ? CURL_READFUNC_ABORT : (size_t)n;
}

static size_t
take(char *from, size_t size, size_t count, void *data)
{
    struct image_load *l = data;
    if (l->answer.len < ANSWER_MAX)
        tenon_buf_add(&l->answer, from, size * count);
    return size * count;
}

/* {"errorDetail": {"message": ...}} of docker's lines, {"message": ...} of refusals and
 * {"cause": ...} of podman's. */
static const char *
failure_of(struct json_object *o, bool is_refusal)
{
    struct json_object *v = NULL;
    if (json_object_object_get_ex(o, "errorDetail", &v) &&
        json_object_object_get_ex(v, "message", &v))
        return json_object_get_string(v);
    if (json_object_object_get_ex(o, "error", &v) ||
        (is_refusal && (json_object_object_get_ex(o, "message", &v) ||
                        json_object_object_get_ex(o, "cause", &v))))
        return json_object_get_string(v);
    return NULL;
}

static void
judge(struct image_load *l, long status)
{
    char *rest = l->answer.len ? l->answer.data : NULL;
    const bool is_refusal = status < 200 || status >= 300;
    for (char *line = strsep(&rest, "\n"); line && !l->err.code; line = strsep(&rest, "\n")) {
        auto_json struct json_object *o = NULL;
        auto_error struct tenon_error ignored = TENON_ERROR_INIT;
        if (tenon_json_parse(line, strlen(line), ANSWER_MAX, &o, &ignored) < 0 ||
            !json_object_is_type(o, json_type_object))
            continue;
        const char *why = failure_of(o, is_refusal);
        if (why)
            tenon_error_set(&l->err, TENON_E_FAILED, "%s", why);
    }
    if (is_refusal && !l->err.code)
        tenon_error_set(&l->err, TENON_E_FAILED, "status %ld", status);
}

static void
set_tls(CURL *c, const char *dir, char *paths[3])
{
    static const struct {
        const char *name;
        CURLoption option;
    } files[3] = { { "ca.pem", CURLOPT_CAINFO }, { "cert.pem", CURLOPT_SSLCERT },
                   { "key.pem", CURLOPT_SSLKEY } };
    for (size_t i = 0; i < 3; i++) {
        paths[i] = tenon_asprintf("%s/%s", dir, files[i].name);
        if (access(paths[i], R_OK) == 0)
            curl_easy_setopt(c, files[i].option, paths[i]);
    }
}

/* An engine that neither reads nor answers is left when the build is given up. */
static int
look(void *data, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    struct image_load *l = data;
    (void)a, (void)b, (void)c, (void)d;
    return atomic_load(&l->aborted);
}

static void
post(struct image_load *l)
{
    CURL *c = curl_easy_init();
    struct curl_slist *headers = NULL;
    static const char *const lines[] = { "Content-Type: application/x-tar", "Expect:",
                                         "Transfer-Encoding: chunked" };
    char *paths[3] = {0}, text[CURL_ERROR_SIZE] = "";
    auto_free char *url = tenon_asprintf("%s/images/load?quiet=1", l->engine.url);
    long status = 0;
    tenon_assert(c);
    for (size_t i = 0; i < tenon_countof(lines); i++)
        headers = curl_slist_append(headers, lines[i]);
    curl_easy_setopt(c, CURLOPT_URL, url);
    if (l->engine.socket)
        curl_easy_setopt(c, CURLOPT_UNIX_SOCKET_PATH, l->engine.socket);
    if (l->engine.certs)
        set_tls(c, l->engine.certs, paths);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_PROXY, "");
    curl_easy_setopt(c, CURLOPT_POST, 1L);
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(c, CURLOPT_UPLOAD_BUFFERSIZE, (long)PIPE_BYTES);
    curl_easy_setopt(c, CURLOPT_READFUNCTION, give);
    curl_easy_setopt(c, CURLOPT_READDATA, l);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, l);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS);
    curl_easy_setopt(c, CURLOPT_ERRORBUFFER, text);
    curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, look);
    curl_easy_setopt(c, CURLOPT_XFERINFODATA, l);
    CURLcode rc = curl_easy_perform(c);
    curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
    if (status)
        judge(l, status);
    if (rc && !l->err.code)
        tenon_error_set(&l->err, TENON_E_FAILED, "%s", *text ? text : curl_easy_strerror(rc));
    curl_slist_free_all(headers);
    curl_easy_cleanup(c);
    for (size_t i = 0; i < 3; i++)
        free(paths[i]);
}

/* What an engine has refused is read to its end, so that the exporter comes to where it asks
 * why. */
static void *
run_thread(void *data)
{
    struct image_load *l = data;
    char rest[65536];
    post(l);
    while (read(l->read_fd, rest, sizeof rest) > 0)
        ;
    return NULL;
}

static int
start_thread(struct image_load *l, struct tenon_error *err)
{
    if (tenon_libcurl(err) < 0)
        return err->code;
    int e = pthread_create(&l->thread, NULL, run_thread, l);
    errno = e;
    return e ? tenon_error_sys(err, "start a thread") : TENON_OK;
}

/* ---------------------------------------------------------------------------------- */

static void
load_free(struct image_load *l)
{
    const int fds[] = { l->write_fd, l->read_fd };
    for (size_t i = 0; i < tenon_countof(fds); i++)
        if (fds[i] >= 0)
            close(fds[i]);
    container_engine_release(&l->engine);
    tenon_buf_release(&l->answer);
    tenon_error_release(&l->err);
    free(l);
}

static int
begin_stream(struct image_load *l, struct tenon_error *err)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return tenon_error_sys(err, "make a pipe");
    l->read_fd = ends[0];
    l->write_fd = ends[1];
    (void)fcntl(l->write_fd, F_SETPIPE_SZ, PIPE_BYTES);
    return start_thread(l, err) < 0 ? err->code : l->write_fd;
}

int
image_load_begin(struct tenon_cancel *cancel, struct image_load **out, struct tenon_error *err)
{
    struct image_load *l = tenon_new0(struct image_load);
    l->read_fd = l->write_fd = -1;
    int fd = container_engine_find(&l->engine, err);
    if (fd == TENON_OK)
        fd = l->engine.program
                 ? podman_load_begin(l->engine.program, cancel, &l->podman, err)
                 : begin_stream(l, err);
    if (fd < 0) {
        load_free(l);
        return fd;
    }
    *out = l;
    return fd;
}

static void
finish_stream(struct image_load *l)
{
    close(tenon_steal_fd(&l->write_fd));
    pthread_join(l->thread, NULL);
}

int
image_load_finish(struct image_load *l, struct tenon_error *err)
{
    if (l->podman)
        podman_load_finish(tenon_steal(&l->podman), &l->err);
    else
        finish_stream(l);
    int rc = TENON_OK;
    if (l->err.code)
        rc = tenon_error_set(err, l->err.code, "load into %s: %s", l->engine.name,
                             l->err.message);
    load_free(l);
    return rc;
}

void
image_load_abort(struct image_load *l)
{
    atomic_store(&l->aborted, true);
    if (l->podman)
        podman_load_abort(tenon_steal(&l->podman));
    else
        finish_stream(l);
    load_free(l);
}
