/* serve/addresses.c - sockets that listen: made, found, removed. */
#include "addresses.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "tls.h"
#include "tools/alloc.h"
#include "tools/parse.h"
#include "tools/path.h"

enum {
    HANDED_OVER_FIRST = 3, /* sd_listen_fds(3) */
    LOCK_TRIES = 40,       /* for a directory that somebody holds */
    LOCK_PAUSE_NS = 25 * 1000 * 1000,
};

/* Takes fd over.  An address may be many places: a name's, or those that systemd opened.  NULL: no
 * more are waited for. */
static struct place *
add(struct serve_places *p, int fd, bool secure, const char *text, struct tenon_error *err)
{
    if (p->list.len >= SERVE_PLACES_MAX) {
        close(fd);
        tenon_error_set(err, TENON_E_LIMIT, "%s: more than %d addresses", text, SERVE_PLACES_MAX);
        return NULL;
    }
    tenon_vec_push(&p->list, ((struct place){.fd = fd, .secure = secure,
                                             .text = tenon_strdup(text)}));
    return &p->list.items[p->list.len - 1];
}

/* What reaches beyond this machine's files is for those with a certificate. */
static int
need_tls(struct serve_places *p, const char *text, struct tenon_error *err)
{
    const struct serve_rules *r = &p->rules;

    if (p->tls)
        return 0;
    if (!r->ca || !r->cert || !r->key) {
        tenon_error_set(err, TENON_E_INVALID, "%s: whoever can connect has this user's powers: "
                        "it needs an authority for clients, a certificate and its key", text);
        return tenon_error_hint(err, "give --tlscacert, --tlscert and --tlskey");
    }
    p->tls = serve_tls_new(r->ca, r->cert, r->key, err);
    return p->tls ? 0 : err->code;
}

/* ---- unix:// ------------------------------------------------------------- */

/* Does nobody listen there?  One with too many clients still does. */
static bool
is_dead(const struct sockaddr_un *at)
{
    auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    return fd >= 0 && connect(fd, (const struct sockaddr *)at, sizeof *at) < 0 &&
           errno == ECONNREFUSED;
}

/* Of two that start at once one looks and binds after the other.  -1: without it, as everybody who
 * can read /run or /tmp can hold its lock for ever, and nobody of ours needs it for long. */
static int
lock_dir(const char *path)
{
    const struct timespec pause = {.tv_nsec = LOCK_PAUSE_NS};
    auto_free char *dir = tenon_path_join(path, "..");
    auto_close int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    for (int i = 0; fd >= 0 && i < LOCK_TRIES; i++) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            return tenon_steal_fd(&fd);
        if (errno != EWOULDBLOCK && errno != EINTR)
            break;
        nanosleep(&pause, NULL);
    }
    return -1;
}

/* Nobody can connect before it listens, and then its rights are right. */
static int
bind_path(int fd, const struct sockaddr_un *at, const struct serve_rules *r,
          struct tenon_error *err)
{
    const mode_t before = umask(0177); /* there are no other threads yet */
    const int rc = bind(fd, (const struct sockaddr *)at, sizeof *at);

    umask(before);
    if (rc < 0)
        return tenon_error_sys(err, "listen on %s", at->sun_path);
    if ((r->has_group && lchown(at->sun_path, (uid_t)-1, r->group) < 0) ||
        chmod(at->sun_path, r->mode) < 0 || listen(fd, SOMAXCONN) < 0) {
        tenon_error_sys(err, "listen on %s", at->sun_path);
        unlink(at->sun_path);
        return err->code;
    }
    return 0;
}

static int
open_unix(struct serve_places *p, const char *text, const char *path, struct tenon_error *err)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    struct stat st;

    if (strlen(path) > SERVE_UNIX_PATH_MAX)
        return tenon_error_set(err, TENON_E_INVALID,
                               "the path of a socket has at most %d bytes: %s",
                               SERVE_UNIX_PATH_MAX, path);
    strcpy(at.sun_path, path);
    auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return tenon_error_sys(err, "make a socket");
    auto_close int lock = lock_dir(path);
    (void)lock; /* until the return */
    if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode)) {
        if (!is_dead(&at))
            return tenon_error_errno(err, EADDRINUSE, "listen on %s", path);
        unlink(path);
    }
    if (bind_path(fd, &at, &p->rules, err) < 0)
        return err->code;
    struct place *place = add(p, tenon_steal_fd(&fd), false, text, err);
    if (!place) {
        unlink(path);
        return err->code;
    }
    if (lstat(path, &st) == 0) {
        place->path = tenon_strdup(path);
        place->dev = st.st_dev;
        place->ino = st.st_ino;
    }
    return 0;
}

/* Somebody may have removed it, and another server be there by now. */
static void
remove_path(const struct place *place)
{
    auto_close int lock = lock_dir(place->path);
    struct stat st;

    (void)lock;
    if (lstat(place->path, &st) == 0 && st.st_dev == place->dev && st.st_ino == place->ino)
        unlink(place->path);
}

/* ---- tcp:// -------------------------------------------------------------- */

/* "127.0.0.1:1234", "[::1]:1234", "name:1234"; an empty host: all of them.  Both malloc'ed. */
static bool
split_host(const char *at, char **host, char **port)
{
    const char *colon = strrchr(at, ':');
    const size_t len = colon ? (size_t)(colon - at) : 0;
    const bool brackets = len >= 2 && at[0] == '[' && at[len - 1] == ']';

    if (!colon || !colon[1] || (!brackets && memchr(at, ':', len)))
        return false;
    *host = brackets ? tenon_strndup(at + 1, len - 2) : tenon_strndup(at, len);
    *port = tenon_strdup(colon + 1);
    return true;
}

static int
listen_at(const struct addrinfo *a)
{
    auto_close int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const int one = 1;

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0 ||
        (a->ai_family == AF_INET6 &&
         setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one) < 0) ||
        bind(fd, a->ai_addr, a->ai_addrlen) < 0 || listen(fd, SOMAXCONN) < 0)
        return -1;
    return tenon_steal_fd(&fd);
}

/* A name may be in a list of names twice. */
static bool
is_repeated(const struct addrinfo *all, const struct addrinfo *a)
{
    while (all != a && (all->ai_addrlen != a->ai_addrlen ||
                        memcmp(all->ai_addr, a->ai_addr, a->ai_addrlen) != 0))
        all = all->ai_next;
    return all != a;
}

/* Clients that come there find nobody, or somebody else; without IPv6 none does. */
static void
warn_not_there(const char *text, const struct addrinfo *a, int why)
{
    char host[NI_MAXHOST] = "?";

    getnameinfo(a->ai_addr, a->ai_addrlen, host, sizeof host, NULL, 0, NI_NUMERICHOST);
    if (why != EAFNOSUPPORT)
        tenon_log(TENON_LOG_WARNING, "%s: not at %s: %s", text, host, strerror(why));
}

static int
open_tcp(struct serve_places *p, const char *text, const char *at, struct tenon_error *err)
{
    static const struct addrinfo wanted = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV,
                                           .ai_socktype = SOCK_STREAM};
    auto_free char *host = NULL, *port = NULL;
    struct addrinfo *found = NULL;
    int last = 0;

    if (!split_host(at, &host, &port))
        return tenon_error_set(err, TENON_E_INVALID, "%s: expected tcp://HOST:PORT", text);
    if (need_tls(p, text, err) < 0)
        return err->code;
    const int rc = getaddrinfo(*host ? host : NULL, port, &wanted, &found);
    if (rc != 0)
        return tenon_error_set(err, TENON_E_INVALID, "%s: %s", text, gai_strerror(rc));
    const size_t before = p->list.len;
    for (const struct addrinfo *a = found; a; a = a->ai_next) {
        if (is_repeated(found, a))
            continue;
        const int fd = listen_at(a);
        const int why = errno;
        auto_free char *name = fd < 0 ? NULL : serve_address_name(fd, false);
        if (fd >= 0 && !add(p, fd, true, name, err))
            break;
        if (fd < 0)
            last = why;
        if (fd < 0 && found->ai_next) /* or the error says it all */
            warn_not_there(text, a, why);
    }
    freeaddrinfo(found);
    if (err->code || p->list.len > before)
        return err->code;
    return tenon_error_errno(err, last, "listen on %s", text);
}

/* ---- fd:// --------------------------------------------------------------- */

static int
option_of(int fd, int name)
{
    socklen_t size = sizeof(int);
    int value = -1;

    return getsockopt(fd, SOL_SOCKET, name, &value, &size) < 0 ? -1 : value;
}

static int
take_over(struct serve_places *p, int fd, struct tenon_error *err)
{
    auto_free char *text = tenon_asprintf("fd://%d", fd);
    const int domain = option_of(fd, SO_DOMAIN), flags = fcntl(fd, F_GETFL);

    if (option_of(fd, SO_TYPE) != SOCK_STREAM || option_of(fd, SO_ACCEPTCONN) != 1)
        return tenon_error_set(err, TENON_E_INVALID, "%s: it is no socket that listens", text);
    if (domain != AF_UNIX && need_tls(p, text, err) < 0)
        return err->code;
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
        fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
        return tenon_error_sys(err, "%s", text);
    return add(p, fd, domain != AF_UNIX, text, err) ? 0 : err->code;
}

/* The variables of sd_listen_fds(3), which are for this process and not for what it starts. */
static int
open_handed_over(struct serve_places *p, const char *text, struct tenon_error *err)
{
    const char *pid = secure_getenv("LISTEN_PID"), *fds = secure_getenv("LISTEN_FDS");
    uint64_t who = 0, count = 0;

    if (!pid || !fds || !tenon_parse_u64(pid, 10, &who) || who != (uint64_t)getpid() ||
        !tenon_parse_u64(fds, 10, &count) || count == 0 || count > SERVE_PLACES_MAX) {
        tenon_error_set(err, TENON_E_INVALID, "%s: nobody has opened sockets for this process",
                        text);
        return tenon_error_hint(err, "it is for systemd: see tenon.socket");
    }
    for (int i = 0; i < (int)count; i++)
        if (take_over(p, HANDED_OVER_FIRST + i, err) < 0)
            return err->code;
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    return 0;
}

/* ---- all ----------------------------------------------------------------- */

struct serve_places *
serve_places_new(const struct serve_rules *rules)
{
    struct serve_places *p = tenon_new0(struct serve_places);

    p->rules = *rules;
    return p;
}

int
serve_places_add(struct serve_places *p, const char *address, struct tenon_error *err)
{
    static const struct {
        const char *scheme;
        int (*open)(struct serve_places *p, const char *text, const char *rest,
                    struct tenon_error *err);
    } schemes[] = {{"unix://", open_unix}, {"tcp://", open_tcp}};

    if (!strcmp(address, "fd://"))
        return open_handed_over(p, address, err);
    for (size_t i = 0; i < tenon_countof(schemes); i++) {
        const char *rest = address + strlen(schemes[i].scheme);
        if (tenon_has_prefix(address, schemes[i].scheme) && *rest)
            return schemes[i].open(p, address, rest, err);
    }
    tenon_error_set(err, TENON_E_INVALID, "--addr %s: expected unix://PATH, tcp://HOST:PORT or "
                    "fd://", address);
    return *address == '/' ? tenon_error_hint(err, "unix://%s", address) : err->code;
}

void
serve_places_hide(struct serve_places *p)
{
    tenon_vec_foreach(place, &p->list) {
        if (place->path)
            remove_path(place); /* before it is closed: who finds it then is served */
        free(tenon_steal(&place->path));
        if (place->fd >= 0)
            close(place->fd);
        place->fd = -1;
    }
}

void
serve_places_close(struct serve_places *p)
{
    if (!p)
        return;
    serve_places_hide(p);
    tenon_vec_foreach(place, &p->list) {
        free(place->text);
    }
    tenon_vec_release(&p->list);
    serve_tls_free(p->tls);
    free(p);
}
