/* cli/sshagent.c - an ssh agent for keys from files: it lists them and signs, nothing else. */
#include "sshagent.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tools/alloc.h"
#include "tools/buf.h"
#include "tools/vec.h"
#include "sshkey.h"

enum { MESSAGE_MAX = 256 * 1024 }; /* OpenSSH's own limit */
enum {
    FAILURE = 5,
    REQUEST_IDENTITIES = 11,
    IDENTITIES_ANSWER = 12,
    SIGN_REQUEST = 13,
    SIGN_RESPONSE = 14,
};

struct connection { /* the thread's; freed after it was joined */
    const struct ssh_agent *agent;
    int fd;
    pthread_t thread;
};

struct ssh_agent {
    TENON_VEC(struct ssh_key *) keys; /* immutable while there are connections */
    pthread_mutex_t lock;
    TENON_VEC(struct connection *) connections; /* by lock */
};

/* ---- what it answers ---------------------------------------------------- */

static void
list_keys(const struct ssh_agent *a, struct tenon_buf *out)
{
    tenon_buf_addc(out, IDENTITIES_ANSWER);
    ssh_put_u32(out, (uint32_t)a->keys.len);
    tenon_vec_foreach(k, &a->keys) {
        const struct tenon_buf *public = ssh_key_public(*k);
        ssh_put_string(out, public->data, public->len);
        ssh_put_string(out, ssh_key_comment(*k), strlen(ssh_key_comment(*k)));
    }
}

static const struct ssh_key *
find_key(const struct ssh_agent *a, const struct ssh_slice *public)
{
    tenon_vec_foreach(k, &a->keys) {
        const struct tenon_buf *p = ssh_key_public(*k);
        if (p->len == public->len && !memcmp(p->data, public->p, p->len))
            return *k;
    }
    return NULL;
}

static bool
sign(const struct ssh_agent *a, struct ssh_slice s, struct tenon_buf *out)
{
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    auto_buf struct tenon_buf sig = TENON_BUF_INIT;
    struct ssh_slice public = ssh_get_string(&s);
    struct ssh_slice data = ssh_get_string(&s);
    uint32_t flags = ssh_get_u32(&s);
    const struct ssh_key *k = s.bad ? NULL : find_key(a, &public);
    if (!k || ssh_key_sign(k, data.p, data.len, flags, &sig, &ignored) < 0)
        return false;
    tenon_buf_addc(out, SIGN_RESPONSE);
    ssh_put_string(out, sig.data, sig.len);
    return true;
}

static void
answer(const struct ssh_agent *a, struct ssh_slice s, struct tenon_buf *out)
{
    const uint8_t type = *s.p;
    s.p++;
    s.len--;
    if (type == REQUEST_IDENTITIES)
        list_keys(a, out);
    else if (type != SIGN_REQUEST || !sign(a, s, out))
        tenon_buf_addc(out, FAILURE);
}

/* ---- connections -------------------------------------------------------- */

static bool
receive(int fd, void *data, size_t len)
{
    ssize_t n;
    do
        n = recv(fd, data, len, MSG_WAITALL);
    while (n < 0 && errno == EINTR);
    return n >= 0 && (size_t)n == len;
}

static bool
send_all(int fd, const char *data, size_t len)
{
    while (len) {
        ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        data += n;
        len -= (size_t)n;
    }
    return true;
}

static bool
serve(const struct connection *c)
{
    uint8_t head[4];
    if (!receive(c->fd, head, sizeof head))
        return false;
    struct ssh_slice h = { head, sizeof head, false };
    const uint32_t len = ssh_get_u32(&h);
    if (len == 0 || len > MESSAGE_MAX)
        return false;
    auto_free uint8_t *data = tenon_malloc(len);
    if (!receive(c->fd, data, len))
        return false;
    auto_buf struct tenon_buf body = TENON_BUF_INIT;
    auto_buf struct tenon_buf out = TENON_BUF_INIT;
    answer(c->agent, (struct ssh_slice){ data, len, false }, &body);
    ssh_put_string(&out, body.data, body.len);
    return send_all(c->fd, out.data, out.len);
}

static void *
connection_main(void *data)
{
    struct connection *c = data;
    while (serve(c))
        ;
    shutdown(c->fd, SHUT_RDWR);
    return NULL;
}

int
ssh_agent_connect(struct ssh_agent *a, struct tenon_error *err)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return tenon_error_sys(err, "make a socket pair");
    struct connection *c = tenon_new0(struct connection);
    c->agent = a;
    c->fd = pair[0];
    pthread_mutex_lock(&a->lock);
    sigset_t all, old; /* signals are for others */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int e = pthread_create(&c->thread, NULL, connection_main, c);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (!e)
        tenon_vec_push(&a->connections, c);
    pthread_mutex_unlock(&a->lock);
    if (!e)
        return pair[1];
    close(pair[0]);
    close(pair[1]);
    free(c);
    return tenon_error_errno(err, e, "start a thread");
}

struct ssh_agent *
ssh_agent_new(void)
{
    struct ssh_agent *a = tenon_new0(struct ssh_agent);
    pthread_mutex_init(&a->lock, NULL);
    return a;
}

int
ssh_agent_add(struct ssh_agent *a, const char *path, struct tenon_error *err)
{
    struct ssh_key *k;
    if (ssh_key_open(path, &k, err) < 0)
        return err->code;
    tenon_vec_push(&a->keys, k);
    return 0;
}

void
ssh_agent_free(struct ssh_agent *a)
{
    if (!a)
        return;
    tenon_vec_foreach(p, &a->connections) {
        shutdown((*p)->fd, SHUT_RDWR);
        pthread_join((*p)->thread, NULL);
        close((*p)->fd);
        free(*p);
    }
    tenon_vec_release(&a->connections);
    tenon_vec_foreach(k, &a->keys)
        ssh_key_free(*k);
    tenon_vec_release(&a->keys);
    pthread_mutex_destroy(&a->lock);
    free(a);
}
