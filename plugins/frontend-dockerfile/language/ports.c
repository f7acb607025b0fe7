/* language/ports.c - what EXPOSE means: "[[ip:]hostport:]port[-port][/proto]". */
#include <arpa/inet.h>
#include <string.h>

#include "tools/parse.h"
#include "language.h"

#define PORTS_MAX (1u << 20) /* of one EXPOSE; ranges may be repeated */

static bool
port_number(const char *s, size_t len, unsigned *out)
{
    unsigned n = 0;
    size_t i = len > 1 && (*s == '+' || *s == '-'); /* Go allows a sign */
    if (len == 0 || i == len)
        return false;
    for (; i < len; i++) {
        if (s[i] < '0' || s[i] > '9')
            return false;
        n = n * 10 + (unsigned)(s[i] - '0');
        if (n > 65535)
            return false;
    }
    if (*s == '-' && n > 0)
        return false;
    *out = n;
    return true;
}

static bool
port_range(const char *s, unsigned *first, unsigned *last)
{
    const char *dash = strchr(s, '-');
    size_t len = dash ? (size_t)(dash - s) : strlen(s);
    if (!port_number(s, len, first))
        return false;
    *last = *first;
    if (!dash || (strlen(dash + 1) == len && strncmp(s, dash + 1, len) == 0))
        return true;
    return port_number(dash + 1, strlen(dash + 1), last) && *last >= *first;
}

static bool
is_ip(const char *s)
{
    unsigned char bytes[16];
    return inet_pton(AF_INET, s, bytes) == 1 || inet_pton(AF_INET6, s, bytes) == 1;
}

/* The pieces of one word. */
struct port {
    const char *ip, *host, *container, *proto;
};

static struct port
split_port(struct df_arena *a, const char *word)
{
    struct port p = {.ip = "", .host = "", .container = word, .proto = ""};
    char *copy = df_arena_strdup(a, word);
    char *colon = strrchr(copy, ':');
    if (colon) {
        *colon = '\0';
        p.container = colon + 1;
        p.host = copy;
        if ((colon = strrchr(copy, ':')) != NULL) {
            *colon = '\0';
            p.host = colon + 1;
            p.ip = copy;
        }
    }
    char *slash = strchr(p.container, '/');
    if (slash) {
        p.container = df_arena_strndup(a, p.container, (size_t)(slash - p.container));
        p.proto = slash + 1;
    }
    return p;
}

static const char *
check_ip(struct df_arena *a, const char *ip)
{
    size_t len = strlen(ip);
    if (*ip == '[') {
        if (ip[len - 1] != ']')
            return df_arena_printf(
                a, "invalid IP address %s: address %s:: missing ']' in address",
                ip, ip);
        ip = df_arena_strndup(a, ip + 1, len - 2);
        if (!*ip)
            return NULL;
    }
    return is_ip(ip) ? NULL : df_arena_printf(a, "invalid IP address: %s", ip);
}

static const char *
add_port(struct df_arena *a, const char *word, struct df_linter *lint,
         const struct df_lint_config *checks, struct df_lines lines,
         struct df_list *out)
{
    struct port p = split_port(a, word);
    const char *proto = *p.proto ? df_lower(a, p.proto) : "tcp", *error;
    unsigned first, last, host_first, host_last;

    if (!*p.container)
        return df_arena_printf(a, "invalid port: %s: no port specified",
                               df_quote(a, word));
    if (strcmp(proto, "tcp") != 0 && strcmp(proto, "udp") != 0 &&
        strcmp(proto, "sctp") != 0)
        return df_arena_printf(a, "invalid port: %s: invalid proto: %s",
                               df_quote(a, word), p.proto);
    if (*p.proto && strcmp(proto, p.proto) != 0)
        df_lint(lint, DF_RULE_EXPOSE_PROTO_CASING, checks, lines,
                df_lint_text(a, DF_RULE_EXPOSE_PROTO_CASING, word));
    if (*p.ip || *p.host)
        df_lint(lint, DF_RULE_EXPOSE_INVALID_FORMAT, checks, lines,
                df_lint_text(a, DF_RULE_EXPOSE_INVALID_FORMAT, word));
    if (*p.ip && (error = check_ip(a, p.ip)) != NULL)
        return error;
    if (!port_range(p.container, &first, &last))
        return df_arena_printf(a, "invalid containerPort: %s", p.container);
    if (*p.host) {
        if (!port_range(p.host, &host_first, &host_last))
            return df_arena_printf(a, "invalid hostPort: %s", p.host);
        if (last - first != host_last - host_first && last != first)
            return df_arena_printf(
                a,
                "invalid ranges specified for container and host Ports: %s and %s",
                p.container, p.host);
    }
    if (out->len + (last - first) >= PORTS_MAX)
        return "EXPOSE names too many ports";
    for (unsigned n = first; n <= last; n++)
        df_list_add(a, out, df_arena_printf(a, "%u/%s", n, proto));
    return NULL;
}

bool
df_ports_parse(struct df_arena *a, const struct df_command *expose,
               char *const *words, size_t count, struct df_linter *lint,
               const struct df_lint_config *stage_checks, struct df_strings *out,
               const char **message)
{
    struct df_lint_config checks = expose->checks;
    struct df_list ports = {0};

    if (stage_checks) {
        checks.skip |= stage_checks->skip;
        checks.skip_all = checks.skip_all || stage_checks->skip_all;
    }
    for (size_t i = 0; i < count; i++) {
        const char *error =
            add_port(a, words[i], lint, &checks, expose->lines, &ports);
        if (error) {
            *message = error;
            return false;
        }
    }
    *out = (struct df_strings){ports.items, ports.len};
    return true;
}
