/* cli/containerengine.c - see containerengine.h.  In order: DOCKER_HOST; the context that
 * DOCKER_CONTEXT or docker's config.json names; docker's socket; the user's of podman; as root the
 * program podman, which needs no service; the machine's socket of podman, which also stands for
 * one outside of the container that we are in. */
#include "containerengine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/ids.h"
#include "base/io.h"
#include "base/json.h"
#include "tools/alloc.h"
#include "cli.h"

enum { DOCUMENT_MAX = 1 << 20 };

void
container_engine_release(struct container_engine *e)
{
    free(e->name);
    free(e->socket);
    free(e->url);
    free(e->certs);
    free(e->program);
    *e = (struct container_engine){0};
}

/* 0, or an errno: nobody answers there.  pid: who listens, 0 where that is another machine or
 * container; or NULL. */
static int
try_socket(const char *path, pid_t *pid)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    if (strlen(path) >= sizeof a.sun_path)
        return ENAMETOOLONG;
    strcpy(a.sun_path, path);
    auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a) < 0)
        return errno;
    struct ucred peer = {0};
    socklen_t len = sizeof peer;
    if (pid)
        *pid = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 ? peer.pid : 0;
    return 0;
}

static void
take_socket(const char *path, struct container_engine *out)
{
    out->socket = tenon_strdup(path);
    out->name = tenon_asprintf("unix://%s", path);
    out->url = tenon_strdup("http://docker");
}

static int
advise(struct tenon_error *err)
{
    return tenon_error_hint(err, "start docker, or podman's service (systemctl --user start "
                                 "podman.socket), or name one by DOCKER_HOST; "
                                 "-o type=docker,dest=FILE writes an archive for it");
}

/* certs: where files of TLS are, some of the three; NULL: it is without. */
static int
take_host(const char *host, const char *certs, struct container_engine *out,
          struct tenon_error *err)
{
    if (tenon_has_prefix(host, "unix://")) {
        int sys = try_socket(host + strlen("unix://"), NULL);
        if (sys) {
            tenon_error_set(err, TENON_E_INVALID, "container engine %s: %s", host,
                            strerror(sys));
            return advise(err);
        }
        take_socket(host + strlen("unix://"), out);
        return TENON_OK;
    }
    if (!tenon_has_prefix(host, "tcp://") && !tenon_has_prefix(host, "http://") &&
        !tenon_has_prefix(host, "https://")) {
        tenon_error_set(err, TENON_E_UNSUPPORTED, "container engine %s: not supported", host);
        return tenon_error_hint(err, "a unix:// or tcp:// address, or -o type=docker,dest=FILE and "
                                     "docker load -i FILE");
    }
    /* Never in clear where TLS was asked for, whatever files are missing: then it fails. */
    const bool tls = tenon_has_prefix(host, "https://") || certs;
    out->name = tenon_strdup(host);
    out->url = tenon_asprintf("%s://%s", tls ? "https" : "http", strstr(host, "://") + 3);
    out->certs = tls && certs ? tenon_strdup(certs) : NULL;
    return TENON_OK;
}

/* ---- docker's contexts ------------------------------------------------------------ */

static int
read_document(const char *path, struct json_object **out, struct tenon_error *err)
{
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    if (tenon_read_file(path, DOCUMENT_MAX, &text, err) < 0 ||
        tenon_json_parse(tenon_buf_str(&text), text.len, DOCUMENT_MAX, out, err) < 0)
        return tenon_error_context(err, "read %s", path);
    return TENON_OK;
}

/* NULL: the default one; malloc'ed. */
static char *
current_context(const char *dir)
{
    const char *named = secure_getenv("DOCKER_CONTEXT");
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    auto_free char *path = tenon_asprintf("%s/config.json", dir);
    auto_json struct json_object *config = NULL;
    if ((!named || !*named) && read_document(path, &config, &ignored) == TENON_OK)
        (void)tenon_json_get_str(config, "currentContext", NULL, &named, &ignored);
    return named && *named && strcmp(named, "default") ? tenon_strdup(named) : NULL;
}

static bool
has_certs(const char *dir)
{
    static const char *const names[] = { "ca.pem", "cert.pem", "key.pem" };
    for (size_t i = 0; i < tenon_countof(names); i++) {
        auto_free char *path = tenon_asprintf("%s/%s", dir, names[i]);
        if (access(path, F_OK) == 0)
            return true;
    }
    return false;
}

static int
take_context(const char *dir, const char *name, struct container_engine *out,
             struct tenon_error *err)
{
    struct tenon_digest id;
    tenon_digest_of(name, strlen(name), &id);
    auto_free char *path = tenon_asprintf("%s/contexts/meta/%s/meta.json", dir,
                                          tenon_digest_hex(&id));
    auto_free char *certs = tenon_asprintf("%s/contexts/tls/%s/docker", dir,
                                           tenon_digest_hex(&id));
    auto_json struct json_object *meta = NULL;
    struct json_object *endpoints = NULL, *docker = NULL;
    const char *host = NULL;
    int rc = access(path, R_OK) < 0
                 ? tenon_error_set(err, TENON_E_INVALID, "%s: %s", path, strerror(errno))
                 : read_document(path, &meta, err);
    if (rc == TENON_OK)
        rc = tenon_json_get_object(meta, "Endpoints", &endpoints, err);
    if (rc == TENON_OK && endpoints)
        rc = tenon_json_get_object(endpoints, "docker", &docker, err);
    if (rc == TENON_OK && docker)
        rc = tenon_json_get_str(docker, "Host", NULL, &host, err);
    if (rc == TENON_OK && !host)
        rc = tenon_error_set(err, TENON_E_INVALID, "no address of an engine in %s", path);
    if (rc == TENON_OK)
        rc = take_host(host, has_certs(certs) ? certs : NULL, out, err);
    return rc < 0 ? tenon_error_context(err, "docker's context \"%s\"", name) : TENON_OK;
}

/* ---- without being told ------------------------------------------------------------- */

/* In an ordinary user's namespace it would take us for root. */
static bool
take_program(struct container_engine *out)
{
    static const char *const programs[] = { "/usr/local/bin/podman", "/usr/bin/podman" };
    for (size_t i = 0; !tenon_ids_mapped() && i < tenon_countof(programs); i++)
        if (access(programs[i], X_OK) == 0) {
            out->program = tenon_strdup(programs[i]);
            out->name = tenon_strdup(programs[i]);
            return true;
        }
    return false;
}

static bool
take_known(struct container_engine *out)
{
    const char *run = secure_getenv("XDG_RUNTIME_DIR");
    auto_free char *docker = run && *run ? tenon_asprintf("%s/docker.sock", run) : NULL;
    auto_free char *podman = run && *run ? tenon_asprintf("%s/podman/podman.sock", run) : NULL;
    const char *const paths[] = { "/run/docker.sock", docker, podman };
    for (size_t i = 0; i < tenon_countof(paths); i++)
        if (paths[i] && try_socket(paths[i], NULL) == 0) {
            take_socket(paths[i], out);
            return true;
        }
    /* The service of the machine's podman writes to the storage that the program writes to, which
     * takes less. */
    static const char machine[] = "/run/podman/podman.sock";
    pid_t pid = 0;
    const bool is_service = try_socket(machine, &pid) == 0;
    if ((!is_service || pid) && take_program(out))
        return true;
    if (is_service)
        take_socket(machine, out);
    return is_service;
}

int
container_engine_find(struct container_engine *out, struct tenon_error *err)
{
    const char *host = secure_getenv("DOCKER_HOST");
    const char *certs = secure_getenv("DOCKER_CERT_PATH");
    auto_free char *dir = cli_docker_config_dir();
    *out = (struct container_engine){0};
    if (host && *host) {
        const char *verify = secure_getenv("DOCKER_TLS_VERIFY");
        return take_host(host, !verify || !*verify ? NULL : certs && *certs ? certs : dir, out,
                         err);
    }
    auto_free char *context = current_context(dir);
    if (context)
        return take_context(dir, context, out, err);
    if (take_known(out))
        return TENON_OK;
    tenon_error_set(err, TENON_E_INVALID, "no container engine to load the image into");
    return advise(err);
}
