/* exec/net.c - names and networks: /etc/hosts, /etc/resolv.conf, which network. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/mount.h>

#include "base/io.h"
#include "tools/alloc.h"
#include "exec/private.h"

enum { RESOLV_MAX_BYTES = 256 * 1024 };
#define DEFAULT_RESOLVERS                                                     \
    "nameserver 8.8.8.8\nnameserver 8.8.4.4\n"                                \
    "nameserver 2001:4860:4860::8888\nnameserver 2001:4860:4860::8844\n"

const char *
tenon_step_network(const struct tenon_step *s)
{
    /* Its key is the same: what it makes may not depend on who answers. */
    if (s->engine->offline)
        return "none";
    switch (s->op->network) {
    case TENON_LLB_NET_HOST:
        return "host";
    case TENON_LLB_NET_NONE:
        return "none";
    default:
        return s->engine->default_network ? s->engine->default_network : "host";
    }
}

/* An address of this machine that a step reaches it by.  On the host's network
 * that is the loopback; elsewhere the first real one. */
static char *
host_gateway(const struct tenon_step *s)
{
    if (!strcmp(tenon_step_network(s), "host"))
        return tenon_strdup("127.0.0.1");
    char *found = NULL;
    struct ifaddrs *list = NULL;
    if (getifaddrs(&list) < 0)
        return NULL;
    for (struct ifaddrs *i = list; i && !found; i = i->ifa_next) {
        if (!i->ifa_addr || i->ifa_addr->sa_family != AF_INET ||
            (i->ifa_flags & IFF_LOOPBACK) || !(i->ifa_flags & IFF_UP))
            continue;
        struct sockaddr_in in;
        memcpy(&in, i->ifa_addr, sizeof in);
        char text[INET_ADDRSTRLEN];
        if (inet_ntop(AF_INET, &in.sin_addr, text, sizeof text))
            found = tenon_strdup(text);
    }
    freeifaddrs(list);
    return found;
}

static int
hosts_text(const struct tenon_step *s, struct tenon_buf *out, struct tenon_error *err)
{
    const char *name = s->op->hostname && *s->op->hostname ? s->op->hostname
                                                            : TENON_EXEC_HOSTNAME;
    tenon_buf_addf(out, "127.0.0.1\tlocalhost %s\n", name);
    tenon_buf_adds(out, "::1\tlocalhost ip6-localhost ip6-loopback\n");
    for (size_t i = 0; i < s->op->extra_host_count; i++) {
        const struct tenon_pair *h = &s->op->extra_hosts[i];
        auto_free char *gateway = NULL;
        const char *ip = h->value;
        if (!strcmp(ip, "host-gateway")) {
            gateway = host_gateway(s);
            if (!gateway)
                return tenon_error_set(err, TENON_E_UNSUPPORTED,
                                       "host %s: no address for host-gateway", h->key);
            ip = gateway;
        }
        unsigned char raw[sizeof(struct in6_addr)];
        if (inet_pton(AF_INET, ip, raw) != 1 && inet_pton(AF_INET6, ip, raw) != 1)
            return tenon_error_set(err, TENON_E_INVALID, "host %s: invalid address \"%s\"",
                                   h->key, ip);
        if (strpbrk(h->key, " \t\r\n#"))
            return tenon_error_set(err, TENON_E_INVALID, "invalid host name \"%s\"", h->key);
        tenon_buf_addf(out, "%s\t%s\n", ip, h->key);
    }
    return 0;
}

/* The address of a "nameserver" line, or NULL. */
static char *
nameserver(const char *line, size_t len)
{
    static const char word[] = "nameserver";
    if (len < sizeof word || strncmp(line, word, sizeof word - 1))
        return NULL;
    const char *p = line + sizeof word - 1;
    size_t blank = strspn(p, " \t");
    if (!blank)
        return NULL;
    return tenon_strndup(p + blank, strcspn(p + blank, " \t\r\n#"));
}

/* keep_local: also resolvers on the loopback, which only the host's network
 * reaches.  Returns how many name servers are left. */
static unsigned
copy_resolv(const struct tenon_buf *in, bool keep_local, struct tenon_buf *out)
{
    unsigned servers = 0;
    for (const char *p = tenon_buf_str(in); *p;) {
        size_t n = strcspn(p, "\n");
        size_t all = n + (p[n] == '\n');
        auto_free char *ip = nameserver(p, n);
        bool local = ip && (tenon_has_prefix(ip, "127.") || !strcmp(ip, "::1"));
        if (!local || keep_local) {
            tenon_buf_add(out, p, n);
            tenon_buf_addc(out, '\n');
            servers += ip != NULL;
        }
        p += all;
    }
    return servers;
}

static void
resolv_text(const struct tenon_step *s, struct tenon_buf *out)
{
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    auto_buf struct tenon_buf in = TENON_BUF_INIT;
    bool on_host = !strcmp(tenon_step_network(s), "host");
    /* A missing file counts as an empty one. */
    (void)tenon_read_file("/etc/resolv.conf", RESOLV_MAX_BYTES, &in, &ignored);
    if (copy_resolv(&in, on_host, out) > 0)
        return;
    /* systemd-resolved listens on 127.0.0.53 and keeps the real list here. */
    auto_buf struct tenon_buf upstream = TENON_BUF_INIT;
    tenon_buf_clear(&in);
    tenon_error_release(&ignored);
    (void)tenon_read_file("/run/systemd/resolve/resolv.conf", RESOLV_MAX_BYTES, &in,
                          &ignored);
    if (copy_resolv(&in, false, &upstream) == 0) {
        tenon_buf_adds(out, DEFAULT_RESOLVERS); /* search and options stay */
        return;
    }
    tenon_buf_clear(out);
    tenon_buf_add(out, upstream.data, upstream.len);
}

static int
add_file(struct tenon_step *s, const char *name, const char *target,
         const struct tenon_buf *text, struct tenon_error *err)
{
    if (tenon_write_file_at(tenon_tempdir_fd(s->tempdir), name, tenon_buf_str(text),
                            text->len, 0644, false, err) < 0)
        return err->code;
    auto_free char *path = tenon_asprintf("%s/%s", s->dir, name);
    struct tenon_exec_mount m = {
        .struct_size = sizeof m,
        .source = tenon_ctx_strdup(s->ctx, path),
        .target = target,
        .fd = -1,
        .flags = TENON_MOUNT_RDONLY | TENON_MOUNT_NOEXEC,
    };
    m.fd = open(path, O_PATH | O_CLOEXEC);
    if (m.fd < 0)
        return tenon_error_sys(err, "open %s", path);
    tenon_vec_push(&s->list, m);
    return 0;
}

int
tenon_step_net_files(struct tenon_step *s, struct tenon_error *err)
{
    auto_buf struct tenon_buf hosts = TENON_BUF_INIT;
    auto_buf struct tenon_buf resolv = TENON_BUF_INIT;
    if (hosts_text(s, &hosts, err) < 0)
        return err->code;
    resolv_text(s, &resolv);
    if (add_file(s, "resolv.conf", "/etc/resolv.conf", &resolv, err) < 0)
        return err->code;
    return add_file(s, "hosts", "/etc/hosts", &hosts, err);
}
