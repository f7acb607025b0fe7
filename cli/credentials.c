/* cli/credentials.c - registry credentials as docker and podman keep them: config.json and
 * auth.json, and the helper programs they name.  Read anew at each call: a build asks once a
 * registry, and a login during it should count. */
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/libgnutls.h"
#include "base/log.h"
#include "base/ownership.h"
#include "tools/alloc.h"
#include "tools/vec.h"

enum { AUTH_FILE_MAX = 4 << 20, HELPER_ANSWER_MAX = 1 << 20 };

extern char **environ;

struct answer { /* NULLs: nothing found here */
    char *user, *secret;
};

/* ---- names -------------------------------------------------------------- */

static bool
is_docker_hub(const char *host)
{
    return !strcmp(host, "docker.io") || !strcmp(host, "index.docker.io") ||
           !strcmp(host, "registry-1.docker.io");
}

/* The name that docker login stores for a host. */
static const char *
stored_name(const char *host)
{
    return is_docker_hub(host) ? "https://index.docker.io/v1/" : host;
}

/* Where credentials are wanted: "HOST[:PORT]" or "HOST[:PORT]/REPOSITORY". */
struct place {
    char *host;
    const char *repository; /* "" when not said */
};

static void
place_release(struct place *p)
{
    free(p->host);
}
TENON_DEFINE_AUTO_STRUCT(place, struct place, place_release);
#define auto_place __attribute__((cleanup(tenon_auto_place)))

static struct place
place_of(const char *text)
{
    size_t len = strcspn(text, "/");
    return (struct place){tenon_strndup(text, len), text[len] ? text + len + 1 : ""};
}

/* "https://HOST/v1/" was the key once, and still is what some tools write. */
static char *
key_host(const char *key, const char **path)
{
    const char *scheme = strstr(key, "://");
    const char *host = scheme ? scheme + 3 : key;
    size_t len = strcspn(host, "/");
    *path = host[len] ? host + len + 1 : "";
    return tenon_strndup(host, len);
}

/* How well a key of auths suits: 0 not at all, 1 for all of the host, more for a namespace of it,
 * as podman login writes them: "HOST/TEAM", "HOST/TEAM/APP". */
static size_t
key_suits(const char *key, const struct place *p)
{
    const char *path;
    auto_free char *host = key_host(key, &path);
    if (strcmp(host, p->host) != 0 && !(is_docker_hub(host) && is_docker_hub(p->host)))
        return 0;
    size_t len = strlen(path);
    while (len > 0 && path[len - 1] == '/')
        len--;
    if (len == 0 || (len == 2 && (!strncmp(path, "v1", 2) || !strncmp(path, "v2", 2))))
        return 1;
    bool below = strncmp(p->repository, path, len) == 0 &&
                 (p->repository[len] == '/' || !p->repository[len]);
    return below ? 1 + len : 0;
}

static struct json_object *
find_auth(struct json_object *auths, const struct place *p)
{
    struct json_object *found = NULL;
    size_t best = 0;
    json_object_object_foreach(auths, key, value) {
        size_t suits = key_suits(key, p);
        /* of several names of one host, the one that docker login writes */
        bool own = suits == 1 && (!strcmp(key, stored_name(p->host)) || !strcmp(key, p->host));
        if (suits > best || (suits == best && own)) {
            best = suits;
            found = value;
        }
    }
    return found;
}

/* ---- what stands in the file -------------------------------------------- */

static int
decode_auth(const char *text, struct answer *out, struct tenon_error *err)
{
    gnutls_datum_t in = {.data = (unsigned char *)(uintptr_t)text,
                         .size = (unsigned)strlen(text)};
    gnutls_datum_t plain = {0};
    if (gnutls_base64_decode2(&in, &plain) < 0)
        return tenon_error_set(err, TENON_E_INVALID, "auth is not base64");
    const char *colon = plain.size ? memchr(plain.data, ':', plain.size) : NULL;
    if (colon) {
        size_t user_len = (size_t)(colon - (const char *)plain.data);
        size_t secret_len = plain.size - user_len - 1;
        /* Old clients wrote NULs after it. */
        secret_len = strnlen(colon + 1, secret_len);
        out->user = tenon_strndup((const char *)plain.data, user_len);
        out->secret = tenon_strndup(colon + 1, secret_len);
    }
    if (plain.data)
        explicit_bzero(plain.data, plain.size);
    gnutls_free(plain.data);
    if (!colon)
        return tenon_error_set(err, TENON_E_INVALID, "auth is not USER:PASSWORD");
    return 0;
}

static int
from_entry(struct json_object *entry, struct answer *out, struct tenon_error *err)
{
    const char *auth, *user, *password, *token, *bearer;
    if (!entry)
        return 0; /* null */
    if (!json_object_is_type(entry, json_type_object))
        return tenon_error_set(err, TENON_E_INVALID, "expected an object");
    if (tenon_json_get_str(entry, "registrytoken", "", &bearer, err) < 0 ||
        tenon_json_get_str(entry, "identitytoken", "", &token, err) < 0 ||
        tenon_json_get_str(entry, "auth", "", &auth, err) < 0 ||
        tenon_json_get_str(entry, "username", "", &user, err) < 0 ||
        tenon_json_get_str(entry, "password", "", &password, err) < 0)
        return err->code;
    if (*bearer) {
        out->user = tenon_strdup("<bearer>");
        out->secret = tenon_strdup(bearer);
    } else if (*token) {
        out->user = tenon_strdup("<token>");
        out->secret = tenon_strdup(token);
    } else if (*auth) {
        return decode_auth(auth, out, err);
    } else if (*user) {
        out->user = tenon_strdup(user);
        out->secret = tenon_strdup(password);
    }
    return 0;
}

static int
from_auths(struct json_object *auths, const struct place *p, struct answer *out,
           struct tenon_error *err)
{
    struct json_object *entry = auths ? find_auth(auths, p) : NULL;
    if (entry && from_entry(entry, out, err) < 0)
        return tenon_error_context(err, "auths \"%s\"", p->host);
    return 0;
}

/* ---- helpers ------------------------------------------------------------ */

char *
cli_find_program(const char *program, const char *passed_over)
{
    const char *path = secure_getenv("PATH");
    for (const char *p = path ? path : "/usr/local/bin:/usr/bin:/bin"; *p;) {
        size_t len = strcspn(p, ":");
        auto_free char *file = len ? tenon_asprintf("%.*s/%s", (int)len, p, program)
                                   : tenon_asprintf("./%s", program);
        auto_error struct tenon_error why = TENON_ERROR_INIT;
        p += len + (p[len] == ':');
        if (access(file, X_OK) < 0)
            continue;
        if (geteuid() != 0 || tenon_vet_path(file, passed_over, &why) == 0)
            return tenon_steal(&file);
        tenon_log(TENON_LOG_WARNING, "%s", why.message);
    }
    return NULL;
}

/* The child gets the host on its standard input and answers on its standard
 * output; what it says on standard error is for the user. */
static int
run_helper(const char *program, const char *input, struct tenon_buf *answer, int *status,
           struct tenon_error *err)
{
    int in[2], out[2];
    if (pipe2(in, O_CLOEXEC) < 0)
        return tenon_error_sys(err, "make a pipe");
    auto_close int in_read = in[0];
    auto_close int in_write = in[1];
    if (pipe2(out, O_CLOEXEC) < 0)
        return tenon_error_sys(err, "make a pipe");
    auto_close int out_read = out[0];
    auto_close int out_write = out[1];

    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t none, ours;
    sigemptyset(&none);
    sigemptyset(&ours);
    sigaddset(&ours, SIGPIPE);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in_read, 0);
    posix_spawn_file_actions_adddup2(&actions, out_write, 1);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &ours);

    char *const argv[] = {(char *)(uintptr_t)program, (char *)(uintptr_t)"get", NULL};
    pid_t pid;
    auto_free char *path = cli_find_program(program, "credential helper passed over");
    int rc = path ? posix_spawn(&pid, path, &actions, &attr, argv, environ) : ENOENT;
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attr);
    if (rc != 0)
        return tenon_error_errno(err, rc, "run %s", program);

    close(tenon_steal_fd(&in_read));
    close(tenon_steal_fd(&out_write));
    /* A host name fits into the pipe; a helper that is gone already (EPIPE;
     * SIGPIPE is ignored by main) has said why on its output. */
    if (write(in_write, input, strlen(input)) < 0 && errno != EPIPE)
        tenon_log(TENON_LOG_DEBUG, "%s: does not read its input", program);
    close(tenon_steal_fd(&in_write));
    rc = tenon_read_all(out_read, HELPER_ANSWER_MAX, answer, err);
    if (rc < 0)
        kill(pid, SIGKILL);
    while (waitpid(pid, status, 0) < 0 && errno == EINTR)
        ;
    return rc < 0 ? err->code : 0;
}

static int
read_answer(const char *program, const struct tenon_buf *text, struct answer *out,
            struct tenon_error *err)
{
    auto_json struct json_object *o = NULL;
    const char *user, *secret;
    if (tenon_json_parse(tenon_buf_str(text), text->len, HELPER_ANSWER_MAX, &o, err) < 0 ||
        tenon_json_get_str(o, "Username", "", &user, err) < 0 ||
        tenon_json_get_str(o, "Secret", "", &secret, err) < 0)
        return tenon_error_context(err, "answer of %s", program);
    if (*user || *secret) {
        out->user = tenon_strdup(user);
        out->secret = tenon_strdup(secret);
    }
    return 0;
}

static int
from_helper(const char *name, const char *host, struct answer *out, struct tenon_error *err)
{
    if (!*name || strchr(name, '/'))
        return tenon_error_set(err, TENON_E_INVALID, "invalid name of a credential helper: \"%s\"",
                               name);
    auto_free char *program = tenon_asprintf("docker-credential-%s", name);
    auto_free char *input = tenon_asprintf("%s\n", stored_name(host));
    auto_secret_buf struct tenon_buf text = TENON_BUF_INIT;
    int status = 0;
    if (run_helper(program, input, &text, &status, err) < 0)
        return err->code;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        /* The protocol's words for "no such entry". */
        if (strstr(tenon_buf_str(&text), "credentials not found"))
            return 0;
        size_t len = strcspn(tenon_buf_str(&text), "\n");
        return tenon_error_set(err, TENON_E_FAILED, "%s: %.*s", program,
                               len ? (int)(len > 200 ? 200 : len) : 6,
                               len ? tenon_buf_str(&text) : "failed");
    }
    return read_answer(program, &text, out, err);
}

/* ---- files -------------------------------------------------------------- */

/* The program for a host; NULL: the file itself has what there is. */
static int
helper_of(struct json_object *doc, const char *host, const char **helper, struct tenon_error *err)
{
    struct json_object *helpers;
    const char *store, *own = NULL;
    if (tenon_json_get_object(doc, "credHelpers", &helpers, err) < 0 ||
        tenon_json_get_str(doc, "credsStore", "", &store, err) < 0)
        return err->code;
    if (helpers && (tenon_json_get_str(helpers, stored_name(host), NULL, &own, err) < 0 ||
                    (!own && tenon_json_get_str(helpers, host, NULL, &own, err) < 0)))
        return tenon_error_context(err, "credHelpers");
    *helper = own ? own : store; /* "" for a host is none for it */
    if (!**helper)
        *helper = NULL;
    return 0;
}

static int
from_document(struct json_object *doc, const char *name, const struct place *p,
              struct answer *out, struct tenon_error *err)
{
    struct json_object *auths;
    const char *helper = NULL;
    if (helper_of(doc, p->host, &helper, err) < 0 ||
        tenon_json_get_object(doc, "auths", &auths, err) < 0)
        return err->code;
    if (helper && cli_may_run(name, "credential helpers not asked") &&
        from_helper(helper, p->host, out, err) < 0)
        return err->code;
    return out->user ? 0 : from_auths(auths, p, out, err);
}

static int
from_file(const char *path, const struct place *p, struct answer *out, struct tenon_error *err)
{
    auto_secret_buf struct tenon_buf text = TENON_BUF_INIT;
    if (tenon_read_file(path, AUTH_FILE_MAX, &text, err) < 0) {
        if (err->code != TENON_E_NOT_FOUND)
            return err->code;
        tenon_error_release(err);
        return 0;
    }
    auto_json struct json_object *doc = NULL;
    if (text.len == 0)
        return 0;
    if (tenon_json_parse(tenon_buf_str(&text), text.len, AUTH_FILE_MAX, &doc, err) < 0 ||
        from_document(doc, path, p, out, err) < 0)
        return tenon_error_context(err, "%s", path);
    return 0;
}

/* A document of `auths` alone, for machines that have no home. Docker, too, goes on without it
 * when it cannot be read. */
static void
from_environment(const struct place *p, struct answer *out)
{
    const char *value = secure_getenv("DOCKER_AUTH_CONFIG");
    auto_error struct tenon_error ill = TENON_ERROR_INIT;
    auto_json struct json_object *doc = NULL;
    struct json_object *auths = NULL;
    if (!value || !*value)
        return;
    if (tenon_json_parse(value, strlen(value), AUTH_FILE_MAX, &doc, &ill) == 0 &&
        !json_object_is_type(doc, json_type_object))
        tenon_error_set(&ill, TENON_E_INVALID, "expected an object");
    if (ill.code < 0 || tenon_json_get_object(doc, "auths", &auths, &ill) < 0 ||
        from_auths(auths, p, out, &ill) < 0)
        tenon_log(TENON_LOG_WARNING, "DOCKER_AUTH_CONFIG: %s", ill.message);
}

/* The first file that has the host wins. */
static char **
candidate_files(void)
{
    char **files = NULL;
    const char *named = secure_getenv("REGISTRY_AUTH_FILE");
    if (named && *named)
        tenon_strv_push(&files, tenon_strdup(named));
    auto_free char *docker = cli_docker_config_dir();
    tenon_strv_push(&files, tenon_asprintf("%s/config.json", docker));
    const char *runtime = secure_getenv("XDG_RUNTIME_DIR");
    if (runtime && *runtime == '/')
        tenon_strv_push(&files, tenon_asprintf("%s/containers/auth.json", runtime));
    tenon_strv_push(&files, tenon_asprintf("/run/containers/%u/auth.json",
                                           (unsigned)geteuid()));
    tenon_strv_push(&files, cli_home_path("XDG_CONFIG_HOME", ".config",
                                          "containers/auth.json"));
    return files;
}

int
cli_credentials(const char *where, char **user, char **secret, struct tenon_error *err)
{
    struct answer found = {0};
    auto_place struct place p = place_of(where);
    char **files = candidate_files();
    int rc = 0;
    from_environment(&p, &found);
    for (char **f = files; *f && rc == 0 && !found.user; f++)
        rc = from_file(*f, &p, &found, err);
    tenon_strv_free(files);
    if (rc < 0) {
        free(found.user);
        free(found.secret);
        return tenon_error_context(err, "credentials for %s", p.host);
    }
    *user = found.user;
    *secret = found.secret;
    return 0;
}
