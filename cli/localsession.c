/* cli/localsession.c - the session of whoever runs the command: local files, variables,
 * agents. */
#include "localsession.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/io.h"
#include "base/ownership.h"
#include "tools/alloc.h"
#include "tools/comma.h"
#include "tools/parse.h"
#include "tools/path.h"
#include "tools/vec.h"
#include "cli.h"
#include "destination.h"
#include "imageload.h"
#include "sshagent.h"


struct secret {
    char *id, *file, *env;
};
struct agent { /* one of the two */
    char *id, *socket;
    struct ssh_agent *keys;
};
struct local {
    char *name, *path;
};

struct loading { /* an export into the container engine */
    int fd;
    struct image_load *load;
};

struct cli_session {
    struct tenon_session vtable;
    TENON_VEC(struct secret) secrets;
    TENON_VEC(struct agent) agents;
    TENON_VEC(struct local) locals;
    TENON_VEC(struct destination) sinks; /* exports under way */
    TENON_VEC(struct loading) loads;
    TENON_VEC(char *) files;             /* that exports will write, by their whole names */
    char **mirrors; /* destinations that what is not of the build is removed from, below the
                     * current directory */
    TENON_VEC(char *) temps;
    bool uses_stdout, may_delete;
    int out; /* standard output */
    struct tenon_cancel *cancel; /* or NULL */
};

/* ---- secrets ------------------------------------------------------------- */

/* BuildKit's words. */
static int
too_big(const char *id, struct tenon_error *err)
{
    return tenon_error_set(err, TENON_E_LIMIT, "secret %s too big. max size 500KB", id);
}

static int
seal_file(const char *id, const char *path, struct tenon_error *err)
{
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return tenon_error_sys(err, "open %s", path);
    char *data = tenon_malloc(TENON_SECRET_MAX_BYTES + 1);
    int64_t n = tenon_read_full(fd, data, TENON_SECRET_MAX_BYTES + 1, err);
    int out = (int)n;
    if (n > TENON_SECRET_MAX_BYTES)
        out = too_big(id, err);
    else if (n >= 0)
        out = tenon_sealed(data, (size_t)n, err);
    explicit_bzero(data, TENON_SECRET_MAX_BYTES + 1);
    free(data);
    return out;
}

static int
open_secret(struct cli_session *s, const char *id, struct tenon_error *err)
{
    for (size_t i = s->secrets.len; i-- > 0;) {
        const struct secret *x = &s->secrets.items[i];
        if (strcmp(x->id, id))
            continue;
        if (x->env) {
            /* An unset variable gives an empty secret, as with BuildKit: steps
             * rely on the file. */
            const char *value = secure_getenv(x->env);
            if (value && strlen(value) > TENON_SECRET_MAX_BYTES)
                return too_big(id, err);
            return tenon_sealed(value ? value : "", value ? strlen(value) : 0, err);
        }
        return seal_file(id, x->file, err);
    }
    return tenon_error_set(err, TENON_E_NOT_FOUND, "secret %s: not found", id);
}

int
cli_session_add_secret(struct cli_session *s, const char *spec, struct tenon_error *err)
{
    char **fields = tenon_comma_fields(spec, NULL);
    const char *id = NULL, *file = NULL, *env = NULL, *type = NULL;
    if (!fields)
        return tenon_error_set(err, TENON_E_INVALID, "invalid secret \"%s\"", spec);
    for (char **f = fields; *f; f++) {
        char *eq = strchr(*f, '=');
        if (!eq) {
            cli_pair_expected("--secret", spec, *f, err);
            goto done;
        }
        *eq = '\0';
        if (!strcasecmp(*f, "id"))
            id = eq + 1;
        else if (!strcasecmp(*f, "src") || !strcasecmp(*f, "source"))
            file = eq + 1;
        else if (!strcasecmp(*f, "env"))
            env = eq + 1;
        else if (!strcasecmp(*f, "type"))
            type = eq + 1;
        else {
            static const char *const keys[] = { "env", "id", "source", "src", "type", NULL };
            auto_free char *meant = tenon_meant(*f, keys);
            tenon_error_set(err, TENON_E_INVALID, "unexpected key '%s' in '%s=%s'%s", *f, *f,
                            eq + 1, meant);
            goto done;
        }
    }
    if (!id || !*id) {
        tenon_error_set(err, TENON_E_INVALID, "secret \"%s\" has no id", spec);
        goto done;
    }
    if (type && strcmp(type, "file") && strcmp(type, "env")) {
        tenon_error_set(err, TENON_E_INVALID, "unsupported secret type \"%s\"", type);
        goto done;
    }
    if (type && !strcmp(type, "env") && !env) {
        env = file ? file : id;
        file = NULL;
    }
    if (!file && !env) { /* bare: the environment first, then a file */
        if (secure_getenv(id) && !(type && !strcmp(type, "file")))
            env = id;
        else
            file = id;
    }
    struct stat st;
    if (!env && (stat(file, &st) < 0 || access(file, R_OK) < 0)) {
        tenon_error_sys(err, "failed to stat %s", file);
        goto done;
    }
    if (!env && S_ISREG(st.st_mode) && st.st_size > TENON_SECRET_MAX_BYTES) {
        too_big(id, err);
        goto done;
    }
    struct secret x = { tenon_strdup(id), env ? NULL : tenon_strdup(file), tenon_strdup(env) };
    tenon_vec_push(&s->secrets, x);
done:
    tenon_strv_free(fields);
    return err->code;
}

/* ---- ssh ----------------------------------------------------------------- */

/* A path of --ssh: the socket of an agent, or a private key for our own. */
static int
add_ssh_path(struct agent *a, const char *path, struct tenon_error *err)
{
    struct stat st;
    if (stat(path, &st) < 0)
        return tenon_error_sys(err, "stat %s", path);
    if (S_ISSOCK(st.st_mode) && (a->socket || a->keys))
        return tenon_error_set(err, TENON_E_INVALID,
                               "%s is a socket: an id has one socket or keys, not both", path);
    if (a->socket)
        return tenon_error_set(err, TENON_E_INVALID,
                               "an id has one socket or keys, not both: %s is a socket", a->socket);
    if (S_ISSOCK(st.st_mode)) {
        a->socket = tenon_strdup(path);
        return TENON_OK;
    }
    if (!S_ISREG(st.st_mode))
        return tenon_error_set(err, TENON_E_INVALID, "%s is neither a socket nor a file", path);
    if (!a->keys)
        a->keys = ssh_agent_new();
    if (ssh_agent_add(a->keys, path, err) < 0) {
        if (err->code == TENON_E_DENIED)
            tenon_error_hint(err, "ssh-add %s, then --ssh %s", path, a->id);
        return err->code;
    }
    return TENON_OK;
}

static void
release_agent(struct agent *a)
{
    ssh_agent_free(a->keys);
    free(a->id);
    free(a->socket);
}

int
cli_session_add_ssh(struct cli_session *s, const char *spec, struct tenon_error *err)
{
    const char *eq = strchr(spec, '=');
    const char *paths = eq ? eq + 1 : secure_getenv("SSH_AUTH_SOCK");
    auto_free char *given = eq ? tenon_strndup(spec, (size_t)(eq - spec)) : tenon_strdup(spec);
    struct agent a = { .id = tenon_strdup(*given ? given : "default") };
    if (!paths || !*paths) {
        tenon_error_set(err, TENON_E_INVALID,
                        "invalid empty ssh agent socket: %s",
                        eq ? "nothing after the \"=\"" : "SSH_AUTH_SOCK is not set");
        tenon_error_hint(err, "eval $(ssh-agent) && ssh-add, or --ssh %s=SOCKET, or --ssh "
                         "%s=KEYFILE", a.id, a.id);
    }
    tenon_vec_foreach(o, &s->agents)
        if (!err->code && !strcmp(o->id, a.id))
            tenon_error_set(err, TENON_E_INVALID, "ssh id \"%s\" was given twice", a.id);
    for (const char *p = paths; !err->code && p; p = strchr(p, ',')) {
        p += *p == ',';
        auto_free char *path = eq ? tenon_strndup(p, strcspn(p, ",")) : tenon_strdup(p);
        add_ssh_path(&a, path, err);
        if (!eq)
            break;
    }
    if (err->code) {
        release_agent(&a);
        return tenon_error_context(err, "--ssh %s", spec);
    }
    tenon_vec_push(&s->agents, a);
    return TENON_OK;
}

static int
open_ssh(struct cli_session *s, const char *id, struct tenon_error *err)
{
    tenon_vec_foreach(a, &s->agents) {
        if (strcmp(a->id, id))
            continue;
        if (a->keys)
            return ssh_agent_connect(a->keys, err);
        struct sockaddr_un to = { .sun_family = AF_UNIX };
        if (strlen(a->socket) >= sizeof to.sun_path)
            return tenon_error_set(err, TENON_E_INVALID, "path of ssh agent is too long: %s",
                                   a->socket);
        strcpy(to.sun_path, a->socket);
        auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0)
            return tenon_error_sys(err, "connect to ssh agent %s", a->socket);
        return tenon_steal_fd(&fd);
    }
    return tenon_error_set(err, TENON_E_NOT_FOUND,
                           "no SSH key \"%s\" forwarded from the client", id);
}

/* ---- local directories --------------------------------------------------- */

int
cli_session_add_local(struct cli_session *s, const char *name, const char *dir,
                      struct tenon_error *err)
{
    char real[PATH_MAX];
    struct stat st;
    if (!realpath(dir, real))
        return tenon_error_errno(err, errno, "unable to prepare context: path \"%s\" not found",
                                 dir);
    if (stat(real, &st) < 0)
        return tenon_error_sys(err, "stat %s", real);
    if (!S_ISDIR(st.st_mode))
        return tenon_error_set(err, TENON_E_INVALID, "context \"%s\" is not a directory", dir);
    tenon_vec_foreach(other, &s->locals)
        if (!strcmp(other->name, name))
            return tenon_error_set(err, TENON_E_INVALID, "two directories are called \"%s\": %s "
                                   "and %s", name, other->path, real);
    struct local l = { tenon_strdup(name), tenon_strdup(real) };
    tenon_vec_push(&s->locals, l);
    return TENON_OK;
}

const char *
cli_session_local(const struct cli_session *s, size_t i, const char **path)
{
    if (i >= s->locals.len)
        return NULL;
    *path = s->locals.items[i].path;
    return s->locals.items[i].name;
}

static const char *
local_path(void *data, const char *name)
{
    struct cli_session *s = data;
    tenon_vec_foreach(l, &s->locals)
        if (!strcmp(l->name, name))
            return l->path;
    return NULL;
}

static int
open_local(struct cli_session *s, const char *name, struct tenon_error *err)
{
    const char *path = local_path(s, name);
    if (!path)
        return tenon_error_set(err, TENON_E_NOT_FOUND, "local directory \"%s\" was not given",
                               name);
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? tenon_error_sys(err, "open %s", path) : fd;
}

const char *
cli_session_temp_dir(struct cli_session *s, struct tenon_error *err)
{
    const char *base = secure_getenv("TMPDIR");
    char *dir = tenon_asprintf("%s/tenon-context-XXXXXX", base && *base ? base : "/tmp");
    if (!mkdtemp(dir)) {
        tenon_error_sys(err, "make a temporary directory in %s", base && *base ? base : "/tmp");
        free(dir);
        return NULL;
    }
    tenon_vec_push(&s->temps, dir);
    return dir;
}

/* For plugins, which are ours: build files and frontends in images ask for secrets. */
static int
open_variable(const char *name, struct tenon_error *err)
{
    const char *value = secure_getenv(name);
    if (!value)
        return tenon_error_set(err, TENON_E_NOT_FOUND, "no variable %s", name);
    return tenon_sealed(value, strlen(value), err);
}

static int
session_open(void *data, const char *service, const char *id, struct tenon_error *err)
{
    struct cli_session *s = data;
    if (!strcmp(service, "secret"))
        return open_secret(s, id, err);
    if (!strcmp(service, "ssh"))
        return open_ssh(s, id, err);
    if (!strcmp(service, "local"))
        return open_local(s, id, err);
    if (!strcmp(service, "env"))
        return open_variable(id, err);
    return tenon_error_set(err, TENON_E_UNSUPPORTED, "this session does not offer \"%s\"", service);
}

static int
session_credentials(void *data, const char *host, char **user, char **secret,
                    struct tenon_error *err)
{
    (void)data;
    return cli_credentials(host, user, secret, err);
}

/* ---- sinks --------------------------------------------------------------- */

static int
open_load(struct cli_session *s, struct tenon_error *err)
{
    struct loading l;
    l.fd = image_load_begin(s->cancel, &l.load, err);
    if (l.fd >= 0)
        tenon_vec_push(&s->loads, l);
    return l.fd;
}

/* NULL: none has this descriptor. */
static struct image_load *
take_load(struct cli_session *s, int fd)
{
    tenon_vec_foreach(l, &s->loads)
        if (l->fd == fd) {
            struct image_load *load = l->load;
            *l = s->loads.items[--s->loads.len];
            return load;
        }
    return NULL;
}

static int
sink_open(void *data, const char *dest, struct tenon_error *err)
{
    struct cli_session *s = data;
    struct destination d = { .fd = -1 };
    if (!dest)
        return open_load(s, err);
    if (!strcmp(dest, "-") || destination_is_stdout(dest, s->out)) {
        d.fd = fcntl(s->out, F_DUPFD_CLOEXEC, 3);
        if (d.fd < 0)
            return tenon_error_sys(err, "standard output");
    } else if (destination_open(dest, &d, err) < 0) {
        return err->code;
    }
    tenon_vec_push(&s->sinks, d);
    return d.fd;
}

static struct destination *
find_sink(struct cli_session *s, int fd)
{
    tenon_vec_foreach(d, &s->sinks)
        if (d->fd == fd)
            return d;
    return NULL;
}

static int
sink_commit(void *data, int fd, struct tenon_error *err)
{
    struct cli_session *s = data;
    struct image_load *load = take_load(s, fd);
    if (load)
        return image_load_finish(load, err);
    struct destination *d = find_sink(s, fd);
    if (!d)
        return tenon_error_set(err, TENON_E_BUG, "commit of a sink that is not open");
    struct destination one = *d;
    *d = s->sinks.items[--s->sinks.len];
    return destination_commit(&one, err);
}

static void
sink_abort(void *data, int fd)
{
    struct cli_session *s = data;
    struct image_load *load = take_load(s, fd);
    if (load) {
        image_load_abort(load); /* the number may be another's by now */
        return;
    }
    struct destination *d = find_sink(s, fd);
    if (!d)
        return;
    destination_abort(d);
    *d = s->sinks.items[--s->sinks.len];
}

static int
check_stdout(struct cli_session *s, uint32_t kind, struct tenon_error *err)
{
    if (kind != TENON_SINK_FILE)
        return tenon_error_set(err, TENON_E_INVALID,
                               "dest cannot be standard output: it is a directory");
    if (isatty(s->out)) {
        tenon_error_set(err, TENON_E_INVALID,
                        "dest file is required. refusing to write to console");
        return tenon_error_hint(err, "dest=FILE, or > FILE");
    }
    if (s->uses_stdout)
        return tenon_error_set(err, TENON_E_INVALID,
                               "multiple outputs configured to write to stdout");
    s->uses_stdout = true;
    return TENON_OK;
}

/* One of two files of the same name would be lost. */
static int
check_once(struct cli_session *s, const char *dest, struct tenon_error *err)
{
    struct stat st;
    char out[32];
    snprintf(out, sizeof out, "/dev/fd/%d", s->out);
    const char *place = destination_is_stdout(dest, s->out) ? out : dest;
    if (stat(place, &st) == 0 && !S_ISREG(st.st_mode))
        return TENON_OK;
    auto_free char *name = destination_name(place);
    tenon_vec_foreach(other, &s->files)
        if (!strcmp(*other, name))
            return tenon_error_set(err, TENON_E_INVALID,
                                   "\"%s\" would be written twice, by two outputs", dest);
    tenon_vec_push(&s->files, tenon_steal(&name));
    return TENON_OK;
}

/* Below the current directory, where a mistake loses only what this build is about. */
static int
check_mirror(struct cli_session *s, const char *dest, struct tenon_error *err)
{
    char cwd[PATH_MAX];
    auto_free char *name = destination_name(dest);
    if (s->may_delete)
        return TENON_OK;
    if (!getcwd(cwd, sizeof cwd))
        return tenon_error_sys(err, "current directory");
    if (tenon_path_is_below(name, cwd)) {
        tenon_strv_push(&s->mirrors, tenon_strdup(dest));
        return TENON_OK;
    }
    tenon_error_set(err, TENON_E_INVALID,
                    "mode=delete for destination \"%s\", which is not below the current "
                    "directory, requires --allow=" CLI_ALLOW_DELETE, dest);
    return tenon_error_hint(err, "pass --allow " CLI_ALLOW_DELETE);
}

static int
sink_check(void *data, const char *dest, uint32_t kind, struct tenon_error *err)
{
    struct cli_session *s = data;
    if (kind == TENON_SINK_ENGINE)
        return image_load_check(err);
    if (!strcmp(dest, "-"))
        return check_stdout(s, kind, err);
    if (kind == TENON_SINK_FILE)
        return destination_check_file(dest, err) < 0 ? err->code : check_once(s, dest, err);
    if (kind == TENON_SINK_MIRROR && check_mirror(s, dest, err) < 0)
        return err->code;
    return destination_check_dir(dest, err);
}

void
cli_session_allow_delete(struct cli_session *s)
{
    s->may_delete = true;
}

void
cli_session_set_stdout(struct cli_session *s, int fd)
{
    s->out = fd;
}

void
cli_session_set_cancel(struct cli_session *s, struct tenon_cancel *cancel)
{
    s->cancel = cancel;
}

/* The steps took their time, and the names may lead elsewhere by now: what was opened has
 * to be where the check found it. */
static int
check_opened(int fd, const char *dest, struct tenon_error *err)
{
    char cwd[PATH_MAX], real[PATH_MAX], link[40];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, real, sizeof real - 1);
    if (n < 0 || !getcwd(cwd, sizeof cwd))
        return tenon_error_sys(err, "find %s", dest);
    real[n] = '\0';
    if (tenon_path_is_below(real, cwd))
        return TENON_OK;
    return tenon_error_set(err, TENON_E_DENIED, "\"%s\" leads out of the current directory now, "
                           "to %s: nothing is removed there", dest, real);
}

static int
sink_dir(void *data, const char *dest, struct tenon_error *err)
{
    const struct cli_session *s = data;
    if (tenon_vet_shared(dest, err) < 0)
        return err->code;
    if (tenon_mkdir_p(AT_FDCWD, dest, cli_result_mode(0777), err) < 0)
        return tenon_error_context(err, "make %s", dest);
    auto_close int fd = open(dest, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return tenon_error_sys(err, "open %s", dest);
    for (char **m = s->mirrors; m && *m; m++)
        if (!strcmp(*m, dest) && check_opened(fd, dest, err) < 0)
            return err->code;
    return tenon_steal_fd(&fd);
}

struct cli_session *
cli_session_new(void)
{
    struct cli_session *s = tenon_new0(struct cli_session);
    s->out = STDOUT_FILENO;
    s->vtable = (struct tenon_session){
        .data = s, .open = session_open, .local_path = local_path,
        .credentials = session_credentials, .sink_open = sink_open,
        .sink_commit = sink_commit, .sink_abort = sink_abort, .sink_dir = sink_dir,
        .sink_check = sink_check,
    };
    return s;
}

struct tenon_session *
cli_session_vtable(struct cli_session *s)
{
    return &s->vtable;
}

void
cli_session_free(struct cli_session *s)
{
    if (!s)
        return;
    while (s->sinks.len)
        sink_abort(s, s->sinks.items[0].fd);
    while (s->loads.len)
        sink_abort(s, s->loads.items[0].fd);
    tenon_vec_foreach(x, &s->secrets) {
        free(x->id);
        free(x->file);
        free(x->env);
    }
    tenon_vec_foreach(a, &s->agents)
        release_agent(a);
    tenon_vec_foreach(l, &s->locals) {
        free(l->name);
        free(l->path);
    }
    tenon_vec_foreach(f, &s->files)
        free(*f);
    tenon_strv_free(s->mirrors);
    tenon_vec_foreach(t, &s->temps) {
        auto_error struct tenon_error ignored = TENON_ERROR_INIT;
        tenon_remove_tree(AT_FDCWD, *t, &ignored);
        free(*t);
    }
    tenon_vec_release(&s->secrets);
    tenon_vec_release(&s->agents);
    tenon_vec_release(&s->locals);
    tenon_vec_release(&s->sinks);
    tenon_vec_release(&s->loads);
    tenon_vec_release(&s->files);
    tenon_vec_release(&s->temps);
    free(s);
}
