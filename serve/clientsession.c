/* serve/clientsession.c - the engine's session, by calls of a client's services. */
#include "clientsession.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "agents.h"
#include "base/io.h"
#include "base/json.h"
#include "callerror.h"
#include "callset.h"
#include "clientblobs.h"
#include "ctlmessages.h"
#include "dirsend.h"
#include "filesend.h"
#include "filesync.h"
#include "keptdir.h"
#include "store/store.h"
#include "tools/alloc.h"
#include "tools/comma.h"
#include "tools/parse.h"
#include "uploads.h"

#define GET_SECRET "/moby.buildkit.secrets.v1.Secrets/GetSecret"
#define CREDENTIALS "/moby.filesync.v1.Auth/Credentials"
#define FETCH_TOKEN "/moby.filesync.v1.Auth/FetchToken"
#define TOKEN_AUTHORITY "/moby.filesync.v1.Auth/GetTokenAuthority"
#define FILE_SEND "/moby.filesync.v1.FileSend/DiffCopy"
#define FORWARD_AGENT "/moby.sshforward.v1.SSH/ForwardAgent"
#define NS_PER_S UINT64_C(1000000000)

enum {
    AUTH_TIMEOUT = 60, SECRET_TIMEOUT = 60, /* seconds */
    FILES_MAX = 16 << 20, /* bytes of what is wanted of a directory */
};

struct local { /* a directory that was brought here */
    char *asked; /* its name, or JSON: what of it, or UPLOAD and the name of one */
    bool has_come;
    struct keptdir kept;
    struct tenon_tempdir *dir; /* in place of that: an upload's */
};

struct stats { /* a name for the stat cache */
    char *of, *name;
};

struct result_dir { /* that goes to the client */
    char *exporter;
    char *store; /* in place of that: a layout, whose blobs alone go */
    struct tenon_tempdir *dir;
};

struct clientsession {
    struct tenon_session vtable;
    struct server *server;
    struct tunnel *tunnel; /* NULL: none */
    struct tenon_store *store;
    struct callset *asked;
    const struct tenon_result *result; /* NULL: not yet */
    struct budget budget;
    pthread_mutex_t lock; /* of the following */
    pthread_cond_t changed; /* a directory has come, or will not */
    TENON_VEC(struct local) locals;
    TENON_VEC(struct stats *) stats;
    bool keeps; /* a directory was brought: there may be too many now */
    TENON_VEC(struct agent *) agents;
    TENON_VEC(struct filesend *) sends; /* under way */
    TENON_VEC(struct result_dir) results;
};

/* Has the client such a service?  Otherwise an error that says so. */
static bool
offers(const struct clientsession *c, const char *method, const char *what,
       struct tenon_error *err)
{
    if (c->tunnel && tunnel_has(c->tunnel, method))
        return true;
    tenon_error_set(err, TENON_E_NOT_FOUND, "%s: %s", what,
                    c->tunnel ? "the client's session does not offer that"
                              : "the build came without a session");
    return false;
}

/* ---- secrets, credentials ------------------------------------------------ */

static bool
ask(struct clientsession *c, const char *method, unsigned seconds, const char *id,
    struct tenon_buf *reply, struct grpc_status *status)
{
    const struct ses_id request = {id};
    auto_buf struct tenon_buf bytes = TENON_BUF_INIT;

    message_encode(&bytes, &ses_id_message, &request);
    return callset_unary(c->asked, c->tunnel->conn, method, seconds * NS_PER_S, &bytes, reply,
                         status);
}

static int
open_secret(struct clientsession *c, const char *id, struct tenon_error *err)
{
    auto_free char *what = tenon_asprintf("secret %s", id);
    auto_grpc_status struct grpc_status status = {0};
    auto_secret_buf struct tenon_buf reply = TENON_BUF_INIT;
    struct ses_secret secret = {0};
    const char *why;

    if (!offers(c, GET_SECRET, what, err))
        return err->code;
    if (!ask(c, GET_SECRET, SECRET_TIMEOUT, id, &reply, &status)) {
        if (status.code == GRPC_NOT_FOUND || status.code == GRPC_UNIMPLEMENTED)
            return tenon_error_set(err, TENON_E_NOT_FOUND, "secret %s: not found", id);
        return callerror_set(&status, what, err);
    }
    auto_arena struct tenon_arena arena = TENON_ARENA_INIT; /* bytes point into the reply */
    if (!message_decode(&arena, &ses_secret_message, reply.data, reply.len, &secret, &why))
        return tenon_error_set(err, TENON_E_FAILED, "%s: %s", what, why);
    if (secret.data.len > TENON_SECRET_MAX_BYTES)
        return tenon_error_set(err, TENON_E_LIMIT, "secret %s too big. max size 500KB", id);
    return tenon_sealed(secret.data.data, secret.data.len, err);
}

/* What was decoded out of a reply that is wiped. */
static void
wipe(const char *decoded)
{
    explicit_bzero((char *)decoded, strlen(decoded));
}

/* The host alone: registries of clients' settings have no repositories. */
static char *
host_of(const char *where)
{
    char *host = tenon_strndup(where, strcspn(where, "/"));

    if (strcmp(host, "docker.io") == 0) { /* as clients know it */
        free(host);
        host = tenon_strdup("registry-1.docker.io");
    }
    return host;
}

static int
session_credentials(void *data, const char *where, char **user, char **secret,
                    struct tenon_error *err)
{
    struct clientsession *c = data;
    auto_grpc_status struct grpc_status status = {0};
    auto_secret_buf struct tenon_buf reply = TENON_BUF_INIT;
    auto_arena struct tenon_arena arena = TENON_ARENA_INIT;
    auto_free char *host = host_of(where);
    auto_free char *what = tenon_asprintf("credentials for %s", host);
    struct ses_credentials found = {0};
    const char *why;

    *user = *secret = NULL;
    if (!c->tunnel || !tunnel_has(c->tunnel, CREDENTIALS))
        return TENON_OK;
    if (!ask(c, CREDENTIALS, AUTH_TIMEOUT, host, &reply, &status))
        return status.code == GRPC_UNIMPLEMENTED || status.code == GRPC_NOT_FOUND
                   ? TENON_OK
                   : callerror_set(&status, what, err);
    if (!message_decode(&arena, &ses_credentials_message, reply.data, reply.len, &found, &why))
        return tenon_error_set(err, TENON_E_FAILED, "%s: %s", what, why);
    if (*found.secret) {
        *user = tenon_strdup(*found.user ? found.user : "<token>");
        *secret = tenon_strdup(found.secret);
        wipe(found.secret);
    }
    return TENON_OK;
}

static bool
takes_authority(struct clientsession *c, const char *host, struct grpc_status *status)
{
    static const unsigned char salt[32]; /* what a key is good for is not used: see session_token */
    const struct ses_authority_ask request = {host, {salt, sizeof salt}};
    auto_buf struct tenon_buf bytes = TENON_BUF_INIT, reply = TENON_BUF_INIT;

    message_encode(&bytes, &ses_authority_ask_message, &request);
    return callset_unary(c->asked, c->tunnel->conn, TOKEN_AUTHORITY, AUTH_TIMEOUT * NS_PER_S,
                         &bytes, &reply, status);
}

static char **
words_of(const char *text)
{
    char **words = NULL;

    for (size_t len; *text; text += len + strspn(text + len, " ")) {
        len = strcspn(text, " ");
        tenon_strv_push(&words, tenon_strndup(text, len));
    }
    return words;
}

/* The client asks for the token, and its password stays with it.  Its authority is a key by which
 * one session's tokens could be another's; ours are those of one build, so that nothing has to be
 * verified: that there is one says whether the client would do it for the host. */
static int
session_token(void *data, const struct tenon_token_request *what, char **token, int64_t *seconds,
              struct tenon_error *err)
{
    struct clientsession *c = data;
    auto_grpc_status struct grpc_status status = {0};
    auto_buf struct tenon_buf bytes = TENON_BUF_INIT;
    auto_secret_buf struct tenon_buf reply = TENON_BUF_INIT;
    auto_arena struct tenon_arena arena = TENON_ARENA_INIT;
    auto_free char *host = host_of(what->host);
    auto_free char *text = tenon_asprintf("a token for %s", host);
    auto_strv char **scopes = words_of(what->scopes);
    const struct ses_token_ask request = {
        "tenon", host, what->realm, what->service ? what->service : "",
        {scopes, tenon_strv_len(scopes)}};
    struct ses_token found = {0};
    const char *why;

    if (!c->tunnel || !tunnel_has(c->tunnel, FETCH_TOKEN) ||
        !tunnel_has(c->tunnel, TOKEN_AUTHORITY))
        return 0;
    if (!takes_authority(c, host, &status))
        return status.code == GRPC_UNIMPLEMENTED || status.code == GRPC_UNAVAILABLE
                   ? 0 : callerror_set(&status, text, err);
    message_encode(&bytes, &ses_token_ask_message, &request);
    if (!callset_unary(c->asked, c->tunnel->conn, FETCH_TOKEN, AUTH_TIMEOUT * NS_PER_S, &bytes,
                       &reply, &status))
        return callerror_set(&status, text, err);
    if (!message_decode(&arena, &ses_token_message, reply.data, reply.len, &found, &why))
        return tenon_error_set(err, TENON_E_FAILED, "%s: %s", text, why);
    *token = tenon_strdup(found.token);
    *seconds = found.seconds;
    wipe(found.token);
    return 1;
}

/* ---- directories --------------------------------------------------------- */

/* With the lock held; NULL: nobody has asked for it. */
static struct local *
find_local(const struct clientsession *c, const char *asked)
{
    tenon_vec_foreach(l, &c->locals)
        if (!strcmp(l->asked, asked))
            return l;
    return NULL;
}

/* Another session of the client may have the directory: builds that share one name it. */
static struct tunnel *
find_owner(struct clientsession *c, const char *id, const char *name, struct tenon_error *err)
{
    struct tunnel *t = id ? tunnel_find(c->server, id) : c->tunnel;

    if (t && tunnel_has(t, FILESYNC_METHOD))
        return t;
    tenon_error_set(err, TENON_E_NOT_FOUND, "local directory \"%s\": %s", name,
                    t    ? "the client's session does not offer that"
                    : id ? "its session has gone" : "the build came without a session");
    if (id && t)
        tunnel_leave(c->server, t);
    return NULL;
}

/* Which of the client's directories it is, as far as anybody says. */
static int
which_local(const struct tunnel *owner, const char *name, struct json_object *wanted,
            struct keptdir_which *out, struct tenon_error *err)
{
    struct json_object *list = NULL;

    *out = (struct keptdir_which){.peer = owner->peer, .shared_key = owner->shared_key,
                                  .hint = "", .name = name};
    if (wanted && (tenon_json_get_str(wanted, "hint", "", &out->hint, err) < 0 ||
                   tenon_json_get_array(wanted, "metadata-except", &list, err) < 0))
        return err->code;
    out->is_list = list != NULL;
    return TENON_OK;
}

static int
fetch_from(struct clientsession *c, const struct tunnel *owner, const char *name,
           struct json_object *wanted, struct keptdir *out, struct tenon_error *err)
{
    const enum filesync_old old = *owner->shared_key ? FILESYNC_SAME : FILESYNC_ANY;
    struct keptdir_which which;

    if (which_local(owner, name, wanted, &which, err) < 0 ||
        keptdir_open(c->store, &which, out, err) < 0)
        return err->code;
    if (filesync_receive(c->asked, owner->conn, name, wanted, &c->budget, out->fd, old, err) < 0)
        keptdir_close(out);
    return err->code;
}

static int
fetch_local(struct clientsession *c, const char *name, struct json_object *wanted,
            struct keptdir *out, struct tenon_error *err)
{
    const char *id = NULL;

    if (wanted && tenon_json_get_str(wanted, "session", NULL, &id, err) < 0)
        return err->code;
    if (id && !strcmp(id, "tenon")) /* what frontend-gateway calls the session of its build */
        id = NULL;
    struct tunnel *owner = find_owner(c, id, name, err);
    if (!owner)
        return err->code;
    fetch_from(c, owner, name, wanted, out, err);
    if (id)
        tunnel_leave(c->server, owner);
    return err->code;
}

#define UPLOAD "\nupload:"

/* A directory with the upload in it, where frontends of ours look. */
static struct tenon_tempdir *
fetch_upload(struct clientsession *c, const char *name, struct tenon_error *err)
{
    struct tenon_tempdir *dir = NULL;

    if (!offers(c, UPLOADS_PULL, "the upload", err) || tenon_tempdir_new(c->store, &dir, err) < 0)
        return NULL;
    auto_close int fd = openat(tenon_tempdir_fd(dir), "context",
                               O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        tenon_error_sys(err, "make a file for an upload");
    else
        uploads_receive(c->asked, c->tunnel->conn, name, &c->budget, fd, err);
    if (!err->code)
        return dir;
    tenon_tempdir_free(dir);
    return NULL;
}

/* With the lock held, but not while it comes: who asks for the same waits, and others do not. */
static void
bring_local(struct clientsession *c, const char *asked, const char *name,
            struct json_object *wanted, struct tenon_error *err)
{
    const bool uploads = tenon_has_prefix(asked, UPLOAD);
    struct local come = {.kept.fd = -1};

    tenon_vec_push(&c->locals, ((struct local){.asked = tenon_strdup(asked)}));
    c->keeps |= !uploads;
    pthread_mutex_unlock(&c->lock);
    if (uploads)
        come.dir = fetch_upload(c, name, err);
    else
        fetch_local(c, name, wanted, &come.kept, err);
    pthread_mutex_lock(&c->lock);
    struct local *l = find_local(c, asked);
    come.asked = l->asked;
    come.has_come = true;
    *l = come;
    if (err->code) {
        free(l->asked);
        *l = c->locals.items[--c->locals.len];
    }
    pthread_cond_broadcast(&c->changed);
}

static int
open_local(struct clientsession *c, const char *asked, const char *name,
           struct json_object *wanted, struct tenon_error *err)
{
    int fd = -1;

    pthread_mutex_lock(&c->lock);
    const struct local *l;
    while ((l = find_local(c, asked)) && !l->has_come)
        pthread_cond_wait(&c->changed, &c->lock);
    if (!l) {
        bring_local(c, asked, name, wanted, err);
        l = find_local(c, asked);
    }
    if (!err->code) {
        fd = openat(l->dir ? tenon_tempdir_fd(l->dir) : l->kept.fd, ".",
                    O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
            tenon_error_sys(err, "local directory \"%s\"", name);
    }
    pthread_mutex_unlock(&c->lock);
    return fd < 0 ? err->code : fd;
}

static int
open_files(struct clientsession *c, const char *asked, struct tenon_error *err)
{
    auto_json struct json_object *wanted = NULL;
    const char *name;

    if (tenon_json_parse(asked, strlen(asked), FILES_MAX, &wanted, err) < 0 ||
        tenon_json_get_str(wanted, "name", "", &name, err) < 0)
        return err->code;
    return open_local(c, asked, name, wanted, err);
}

static int
open_upload(struct clientsession *c, const char *name, struct tenon_error *err)
{
    auto_free char *asked = tenon_asprintf(UPLOAD "%s", name);

    return open_local(c, asked, name, NULL, err);
}

static const char *
no_path(void *data, const char *name)
{
    (void)data, (void)name;
    return NULL; /* nothing here has the client's names */
}

static const char *
local_stats(void *data, const char *name)
{
    struct clientsession *c = data;
    struct stats *found = NULL;

    if (!c->tunnel)
        return NULL;
    pthread_mutex_lock(&c->lock);
    tenon_vec_foreach(s, &c->stats)
        if (!strcmp((*s)->of, name))
            found = *s;
    if (!found) {
        const struct keptdir_which which = {.peer = c->tunnel->peer, .name = name,
                                            .shared_key = c->tunnel->shared_key};
        found = tenon_new0(struct stats);
        *found = (struct stats){tenon_strdup(name), keptdir_stats(&which)};
        tenon_vec_push(&c->stats, found);
    }
    pthread_mutex_unlock(&c->lock);
    return found->name;
}

/* ---- blobs --------------------------------------------------------------- */

#define STORE_PLACE "/store/"

char *
clientsession_store_place(const char *store)
{
    return tenon_asprintf(STORE_PLACE "%s", store);
}

/* What the client calls a store of blobs; layouts have names of their own. */
static char *
store_of(const char *place)
{
    return tenon_has_prefix(place, STORE_PLACE) ? tenon_strdup(place + strlen(STORE_PLACE))
                                                : tenon_asprintf("oci:%s", place);
}

static int
fetch_blob(struct clientsession *c, const char *store, const char *digest,
           struct tenon_error *err)
{
    static const char name[] = "blob";
    struct tenon_tempdir *dir = NULL;
    int fd = -1;

    if (tenon_tempdir_new(c->store, &dir, err) < 0)
        return err->code;
    auto_close int written = openat(tenon_tempdir_fd(dir), name,
                                    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (written < 0)
        tenon_error_sys(err, "make a file for a blob");
    else if (clientblobs_fetch(c->asked, c->tunnel->conn, store, digest, &c->budget, written,
                               err) == 0 &&
             (fd = openat(tenon_tempdir_fd(dir), name, O_RDONLY | O_CLOEXEC)) < 0)
        tenon_error_sys(err, "open a blob");
    tenon_tempdir_free(dir); /* the file is there as long as it is open */
    return fd < 0 ? err->code : fd;
}

/* "NAME@DIGEST"; without a digest: is there such a thing? */
static int
open_blob(struct clientsession *c, const char *id, struct tenon_error *err)
{
    const char *at = strrchr(id, '@');
    auto_free char *name = at ? tenon_strndup(id, (size_t)(at - id)) : tenon_strdup(id);
    auto_free char *store = store_of(name);
    auto_free char *what = tenon_asprintf("the layout \"%s\"", name);

    if (!offers(c, CLIENTBLOBS_READ, what, err))
        return err->code;
    if (at && at[1])
        return fetch_blob(c, store, at + 1, err);
    const int fd = eventfd(0, EFD_CLOEXEC); /* there is: nothing can be done with it */
    return fd < 0 ? tenon_error_sys(err, "a descriptor for %s", what) : fd;
}

/* ---- agents -------------------------------------------------------------- */

/* With the lock held: those of steps that are over. */
static void
drop_agents(struct clientsession *c)
{
    for (size_t i = c->agents.len; i-- > 0;)
        if (agent_is_over(c->agents.items[i])) {
            agent_free(c->agents.items[i]);
            c->agents.items[i] = c->agents.items[--c->agents.len];
        }
}

static int
open_agent(struct clientsession *c, const char *id, struct tenon_error *err)
{
    int fd;

    if (!offers(c, FORWARD_AGENT, "ssh agent", err))
        return err->code;
    struct agent *a = agent_connect(c->asked, c->tunnel->conn, id, &fd, err);
    if (!a)
        return err->code;
    pthread_mutex_lock(&c->lock);
    drop_agents(c);
    tenon_vec_push(&c->agents, a);
    pthread_mutex_unlock(&c->lock);
    return fd;
}

static int
session_open(void *data, const char *service, const char *id, struct tenon_error *err)
{
    struct clientsession *c = data;

    if (!strcmp(service, "secret"))
        return open_secret(c, id, err);
    if (!strcmp(service, "local"))
        return open_local(c, id, id, NULL, err);
    if (!strcmp(service, "local-files"))
        return open_files(c, id, err);
    if (!strcmp(service, "upload"))
        return open_upload(c, id, err);
    if (!strcmp(service, "blob"))
        return open_blob(c, id, err);
    if (!strcmp(service, "ssh"))
        return open_agent(c, id, err);
    return tenon_error_set(err, TENON_E_UNSUPPORTED, "a client's session does not offer \"%s\"",
                           service);
}

/* ---- results ------------------------------------------------------------- */

#define TELLING "/told:"

char *
clientsession_place(size_t exporter, bool tells)
{
    return tenon_asprintf("%s%zu", tells ? TELLING : "/", exporter);
}

void
clientsession_tell(struct clientsession *c, const struct tenon_result *result)
{
    c->result = result;
}

static int
sink_open(void *data, const char *dest, struct tenon_error *err)
{
    struct clientsession *c = data;
    int fd;

    if (!offers(c, FILE_SEND, "the result", err))
        return err->code;
    const bool tells = tenon_has_prefix(dest, TELLING);
    struct filesend *send = filesend_open(c->asked, c->tunnel->conn, FILE_SEND,
                                          dest + strlen(tells ? TELLING : "/"),
                                          tells ? c->result : NULL, &fd, err);
    if (!send)
        return err->code;
    pthread_mutex_lock(&c->lock);
    tenon_vec_push(&c->sends, send);
    pthread_mutex_unlock(&c->lock);
    return fd;
}

/* NULL: none writes to that. */
static struct filesend *
take_send(struct clientsession *c, int fd)
{
    struct filesend *found = NULL;

    pthread_mutex_lock(&c->lock);
    for (size_t i = 0; i < c->sends.len && !found; i++)
        if (filesend_fd(c->sends.items[i]) == fd) {
            found = c->sends.items[i];
            c->sends.items[i] = c->sends.items[--c->sends.len];
        }
    pthread_mutex_unlock(&c->lock);
    return found;
}

static int
sink_commit(void *data, int fd, struct tenon_error *err)
{
    struct filesend *send = take_send(data, fd);

    return send ? filesend_commit(send, err)
                : tenon_error_set(err, TENON_E_BUG, "commit of a sink that is not open");
}

static void
sink_abort(void *data, int fd)
{
    struct filesend *send = take_send(data, fd);

    if (send)
        filesend_abort(send);
}

/* What is written there is sent when the build is over: nobody says before that it is complete. */
static int
sink_dir(void *data, const char *dest, struct tenon_error *err)
{
    struct clientsession *c = data;
    struct result_dir d = {0};
    const bool is_store = tenon_has_prefix(dest, STORE_PLACE);

    if (!offers(c, is_store ? CLIENTBLOBS_WRITE : FILE_SEND, "the result", err) ||
        tenon_tempdir_new(c->store, &d.dir, err) < 0)
        return err->code;
    const int fd = openat(tenon_tempdir_fd(d.dir), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        tenon_error_sys(err, "open a directory for the result");
        tenon_tempdir_free(d.dir);
        return err->code;
    }
    if (is_store)
        d.store = store_of(dest);
    else
        d.exporter = tenon_strdup(dest + 1);
    pthread_mutex_lock(&c->lock);
    tenon_vec_push(&c->results, d);
    pthread_mutex_unlock(&c->lock);
    return fd;
}

static int
sink_check(void *data, const char *dest, uint32_t kind, struct tenon_error *err)
{
    const struct clientsession *c = data;

    if (tenon_has_prefix(dest, STORE_PLACE))
        return offers(c, CLIENTBLOBS_WRITE, "the result", err) ? TENON_OK : err->code;
    (void)kind; /* what else is in a directory the client removes: it was told as well */
    return offers(c, FILE_SEND, "the result", err) ? TENON_OK : err->code;
}

int
clientsession_finish(struct clientsession *c, struct tenon_error *err)
{
    struct grpc_conn *conn = c->tunnel ? c->tunnel->conn : NULL;

    tenon_vec_foreach(d, &c->results)
        if ((d->store ? clientblobs_send(c->asked, conn, d->store, tenon_tempdir_fd(d->dir), err)
                      : dirsend_send(c->asked, conn, FILE_SEND, d->exporter,
                                     tenon_tempdir_fd(d->dir), err)) < 0)
            return err->code;
    return TENON_OK;
}

/* ---- all ----------------------------------------------------------------- */

struct clientsession *
clientsession_new(struct server *s, const char *id, struct tenon_store *store,
                  struct callset *asked, struct tenon_error *err)
{
    struct tunnel *tunnel = *id ? tunnel_find(s, id) : NULL;

    if (*id && !tunnel) {
        tenon_error_set(err, TENON_E_NOT_FOUND, "no active session for %s", id);
        return NULL;
    }
    struct clientsession *c = tenon_new0(struct clientsession);
    c->server = s;
    c->tunnel = tunnel;
    c->store = store;
    c->asked = asked;
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->changed, NULL);
    c->vtable = (struct tenon_session){
        .data = c, .open = session_open, .local_path = no_path,
        .local_stats = local_stats,
        .credentials = session_credentials, .token = session_token, .sink_open = sink_open,
        .sink_commit = sink_commit, .sink_abort = sink_abort, .sink_dir = sink_dir,
        .sink_check = sink_check,
    };
    return c;
}

const struct tunnel *
clientsession_tunnel(const struct clientsession *c)
{
    return c->tunnel;
}

struct tenon_session *
clientsession_vtable(struct clientsession *c)
{
    return &c->vtable;
}

void
clientsession_leave(struct clientsession *c)
{
    if (!c)
        return;
    tenon_vec_foreach(l, &c->locals) {
        free(l->asked);
        keptdir_close(&l->kept);
        tenon_tempdir_free(l->dir);
    }
    tenon_vec_release(&c->locals);
}

void
clientsession_free(struct clientsession *c)
{
    if (!c)
        return;
    while (c->sends.len)
        sink_abort(c, filesend_fd(c->sends.items[0]));
    tenon_vec_foreach(a, &c->agents)
        agent_free(*a);
    clientsession_leave(c);
    tenon_vec_foreach(s, &c->stats) {
        free((*s)->of);
        free((*s)->name);
        free(*s);
    }
    if (c->keeps)
        keptdir_trim(c->store);
    tenon_vec_foreach(d, &c->results) {
        free(d->exporter);
        free(d->store);
        tenon_tempdir_free(d->dir);
    }
    tenon_vec_release(&c->results);
    tenon_vec_release(&c->sends);
    tenon_vec_release(&c->agents);
    tenon_vec_release(&c->stats);
    if (c->tunnel)
        tunnel_leave(c->server, c->tunnel);
    pthread_mutex_destroy(&c->lock);
    pthread_cond_destroy(&c->changed);
    free(c);
}
