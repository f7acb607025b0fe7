/* cli/buildinput.c - from flags to the frontend's options and the session: contexts, build
 * arguments, labels, resources. */
#include "buildinput.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/json.h"
#include "tools/alloc.h"
#include "tools/ociindex.h"
#include "tools/parse.h"
#include "tools/path.h"
#include "tools/sniff.h"
#include "tools/ulimit.h"
#include "tools/conceal.h"
#include "buildcall.h"
#include "buildpolicy.h"
#include "cli.h"
#include "image/image.h"
#include "nearfile.h"
#include "plugin/declared.h"
#include "registry/again.h"
#include "registry/url.h"

struct input {
    const struct build_flags *flags;
    struct json_object *config;
    struct tenon_plugins *plugins;
    struct cli_session *session;
    struct tenon_cancel *cancel;
    char ***options;
    bool policy_beside; /* NAME.rego beside the build file NAME counts */
};

static void
option(struct input *in, const char *key, const char *value)
{
    tenon_strv_push(in->options, tenon_asprintf("%s=%s", key, value));
}

static void
option_list(struct input *in, const char *key, char **list)
{
    if (!list)
        return;
    auto_buf struct tenon_buf b = TENON_BUF_INIT;
    for (char **v = list; *v; v++)
        tenon_buf_addf(&b, "%s%s", b.len ? "," : "", *v);
    option(in, key, tenon_buf_str(&b));
}

/* "user@host:path", unless there is a file of that name. */
static bool
is_scp(const char *s)
{
    static const char words[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    size_t user = strspn(s, words), host = s[user] == '@' ? strspn(s + user + 1, words) : 0;
    return user > 0 && host > 0 && s[user + 1 + host] == ':' && s[user + 2 + host] &&
           access(s, F_OK) < 0;
}

bool
build_context_is_ssh(const char *context)
{
    return context && (tenon_has_prefix(context, "ssh://") || is_scp(context));
}

static bool
is_remote(const char *s)
{
    return tenon_has_prefix(s, "http://") || tenon_has_prefix(s, "https://") ||
           tenon_has_prefix(s, "git://") || tenon_has_prefix(s, "git@") ||
           tenon_has_prefix(s, "ssh://") || tenon_has_prefix(s, "github.com/") || is_scp(s);
}

/* ---- context and Dockerfile --------------------------------------------- */

/* read(), but Ctrl-C ends it: the writer of a pipe may take its time. */
static ssize_t
read_or_cancel(const struct input *in, int fd, void *data, size_t len, struct tenon_error *err)
{
    for (;;) {
        struct pollfd wait[] = { { .fd = fd, .events = POLLIN },
                                 { .fd = tenon_cancel_fd(in->cancel), .events = POLLIN } };
        if (poll(wait, 2, -1) < 0 && errno != EINTR)
            return tenon_error_sys(err, "poll");
        if (tenon_cancel_check(in->cancel, err) < 0)
            return err->code;
        if (!wait[0].revents)
            continue;
        ssize_t n = read(fd, data, len);
        if (n >= 0)
            return n;
        if (errno != EINTR && errno != EAGAIN)
            return tenon_error_sys(err, "read");
    }
}

/* Writes what was already read, and the rest, to a file. */
static int
stream_to(const struct input *in, int from, const char *dir, const char *name, const void *head,
          size_t head_len, struct tenon_error *err)
{
    enum { CHUNK = 1 << 16 };
    auto_free char *path = tenon_asprintf("%s/%s", dir, name);
    auto_close int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return tenon_error_sys(err, "create %s", path);
    auto_free char *chunk = tenon_malloc(CHUNK);
    int rc = tenon_write_all(fd, head, head_len, err);
    ssize_t n = 1;
    while (rc == 0 && n > 0) {
        n = read_or_cancel(in, from, chunk, CHUNK, err);
        rc = n < 0 ? (int)n : tenon_write_all(fd, chunk, (size_t)n, err);
    }
    if (rc < 0)
        return tenon_error_context(err, "read %s", from == STDIN_FILENO ? "standard input" : name);
    if (lseek(fd, 0, SEEK_SET) < 0)
        return tenon_error_sys(err, "rewind %s", path);
    return tenon_steal_fd(&fd);
}

/* As much as fits; less only at the end of the input. */
static ssize_t
read_head(const struct input *in, char *head, size_t len, struct tenon_error *err)
{
    size_t got = 0;
    while (got < len) {
        ssize_t n = read_or_cancel(in, STDIN_FILENO, head + got, len - got, err);
        if (n < 0)
            return tenon_error_context(err, "read standard input");
        if (n == 0)
            break;
        got += (size_t)n;
    }
    return (ssize_t)got;
}

/* A build file that can be read only once: a pipe, such as the shell's <(...). */
static int
dockerfile_stream(struct input *in, int from, struct tenon_error *err)
{
    const char *dir = cli_session_temp_dir(in->session, err);
    auto_close int fd = dir ? stream_to(in, from, dir, "Dockerfile", "", 0, err) : -1;
    if (fd < 0)
        return err->code;
    option(in, "filename", "Dockerfile");
    return cli_session_add_local(in->session, "dockerfile", dir, err);
}

/* A page that has no end must not fill the memory; the frontend takes no larger one either. */
enum { DOWNLOAD_MAX = 16 << 20 };

/* A build file from the web; the frontend finds it where one from standard input is. */
static int
dockerfile_download(struct input *in, const char *url, struct tenon_error *err)
{
    const char *dir = cli_session_temp_dir(in->session, err);
    if (!dir)
        return err->code;
    auto_free char *path = tenon_path_join(dir, "Dockerfile");
    struct tenon_http *http = tenon_http_new(in->config);
    struct tenon_http_request req = { .method = "GET", .url = url, .cancel = in->cancel,
                                      .limit = DOWNLOAD_MAX };
    auto_response struct tenon_http_response res = {0};
    int rc = tenon_http_patiently(http, &req, &res, NULL, NULL, err);
    tenon_http_free(http);
    auto_free char *shown = tenon_url_conceal(url);
    /* The page's fault, or the network's: a flag that means nothing is another matter. */
    if (rc == TENON_E_LIMIT || rc == TENON_E_DENIED || rc == TENON_E_NOT_FOUND)
        err->code = TENON_E_FAILED;
    if (rc == 0 && (res.status < 200 || res.status > 299))
        rc = tenon_error_set(err, TENON_E_FAILED, "invalid response status %ld", res.status);
    if (rc == 0)
        rc = tenon_write_file_at(AT_FDCWD, path, res.body.data, res.body.len, 0600, false, err);
    if (rc < 0)
        return tenon_error_context(err, "failed to read dockerfile: %s", shown);
    option(in, "filename", "Dockerfile");
    return cli_session_add_local(in->session, "dockerfile", dir, err);
}

/* Not of the context: on standard input, in the web; 1: it was one of these. */
static int
dockerfile_elsewhere(struct input *in, struct tenon_error *err)
{
    const char *file = in->flags->file;
    if (!file)
        return 0;
    bool web = tenon_has_prefix(file, "http://") || tenon_has_prefix(file, "https://");
    if (!web && strcmp(file, "-"))
        return 0;
    int rc = web ? dockerfile_download(in, file, err) : dockerfile_stream(in, STDIN_FILENO, err);
    return rc < 0 ? rc : 1;
}

static bool
is_stream(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode);
}

/* A build file that is not there; shown: the name that it was asked for by. */
static int
dockerfile_absent(const struct input *in, const char *path, const char *shown,
                  struct tenon_error *err)
{
    tenon_error_sys(err, "failed to read dockerfile: open %s", shown);
    const char *context = in->flags->context;
    const bool here = !is_remote(context) && strcmp(context, "-");
    auto_free char *near =
        err->code == TENON_E_NOT_FOUND ? near_file(path, here ? context : NULL) : NULL;
    auto_free char *said = tenon_strdup(err->message);
    return near ? tenon_error_set(err, err->code, "%s (did you mean %s?)", said, near) : err->code;
}

/* The context's build file: a Dockerfile, or where it has none what another frontend has for one.
 * Where there is none and nothing like it, the Dockerfile's frontend says so. */
static int
dockerfile_of_context(struct input *in, const char *context_dir, struct tenon_error *err)
{
    auto_free char *path = tenon_path_join(in->flags->context, "Dockerfile");
    auto_free char *lower = tenon_path_join(in->flags->context, "dockerfile");
    const bool absent = access(path, F_OK) < 0 && errno == ENOENT && access(lower, F_OK) < 0;
    const char *name = NULL;
    if (absent && tenon_declared_default(in->plugins, in->flags->context, &name, err) < 0)
        return err->code;
    auto_free char *near = absent && !name ? near_file(path, NULL) : NULL;
    if (near) {
        errno = ENOENT;
        return dockerfile_absent(in, path, "Dockerfile", err);
    }
    if (!name)
        name = "Dockerfile";
    option(in, "filename", name);
    if (in->policy_beside && build_policy_beside(context_dir, name, err) < 0)
        return err->code;
    return cli_session_add_local(in->session, "dockerfile", context_dir, err);
}

/* A build file of this machine. */
static int
dockerfile_here(struct input *in, const char *file, struct tenon_error *err)
{
    if (is_stream(file)) {
        auto_close int from = open(file, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        return from < 0 ? tenon_error_sys(err, "failed to read dockerfile: open %s", file)
                        : dockerfile_stream(in, from, err);
    }
    auto_free char *path = tenon_path_clean(file);
    auto_free char *parent = tenon_path_join(path, "..");
    const char *name = tenon_path_base(path);
    option(in, "filename", name);
    if (access(path, F_OK) < 0)
        return dockerfile_absent(in, path, file, err);
    if (in->policy_beside && build_policy_beside(parent, name, err) < 0)
        return err->code;
    return cli_session_add_local(in->session, "dockerfile", parent, err);
}

/* Of a context that the frontend unpacks: -f names a file in it, or one elsewhere. */
static int
dockerfile_within(struct input *in, struct tenon_error *err)
{
    int elsewhere = dockerfile_elsewhere(in, err);
    if (elsewhere > 0)
        option(in, "dockerfilekey", "dockerfile");
    else if (elsewhere == 0 && in->flags->file)
        option(in, "filename", in->flags->file);
    return elsewhere < 0 ? elsewhere : TENON_OK;
}

/* `tenon build -`: a tar archive is the context; anything else is a Dockerfile
 * with an empty context, then in *dockerfile_dir. */
static int
context_from_stdin(struct input *in, const char **dockerfile_dir, struct tenon_error *err)
{
    char head[TENON_SNIFF_BYTES];
    if (in->flags->file && !strcmp(in->flags->file, "-"))
        return tenon_error_set(err, TENON_E_INVALID,
                               "invalid argument: can't use stdin for both build context and "
                               "dockerfile");
    ssize_t n = read_head(in, head, sizeof head, err);
    const char *dir = n < 0 ? NULL : cli_session_temp_dir(in->session, err);
    if (!dir)
        return err->code;
    if (!tenon_may_be_archive(head, (size_t)n)) {
        if (in->flags->file) {
            tenon_error_set(err, TENON_E_INVALID,
                            "ambiguous Dockerfile source: both stdin and flag correspond to "
                             "Dockerfiles");
            return err->code;
        }
        const char *empty = cli_session_temp_dir(in->session, err);
        auto_close int fd =
            empty ? stream_to(in, STDIN_FILENO, dir, "Dockerfile", head, (size_t)n, err) : -1;
        if (fd < 0)
            return err->code;
        *dockerfile_dir = dir;
        return cli_session_add_local(in->session, "context", empty, err);
    }
    /* The frontend unpacks it, as one from the web: owners, and an ignore file that
     * is a file like others. */
    auto_close int archive = stream_to(in, STDIN_FILENO, dir, "context", head, (size_t)n, err);
    if (archive < 0)
        return err->code;
    option(in, "context", "upload://upload");
    if (dockerfile_within(in, err) < 0)
        return err->code;
    return cli_session_add_local(in->session, "upload", dir, err);
}

static int
dockerfile_option(struct input *in, const char *context_dir, struct tenon_error *err)
{
    const char *file = in->flags->file;
    int rc = dockerfile_elsewhere(in, err);
    if (rc != 0)
        return rc < 0 ? rc : TENON_OK;
    return file ? dockerfile_here(in, file, err) : dockerfile_of_context(in, context_dir, err);
}

static int
context_options(struct input *in, struct tenon_error *err)
{
    const char *context = in->flags->context;
    const struct tenon_session *vt = cli_session_vtable(in->session);
    if (is_remote(context)) {
        /* the frontend fetches it */
        option(in, "context", context);
        if (in->policy_beside)
            option(in, "policy-file", "refuse");
        if (in->flags->file && *in->flags->file == '/') {
            option(in, "dockerfilekey", "dockerfile");
            return dockerfile_here(in, in->flags->file, err);
        }
        return dockerfile_within(in, err);
    }
    if (!strcmp(context, "-")) {
        const char *dockerfile_dir = NULL;
        int rc = context_from_stdin(in, &dockerfile_dir, err);
        if (rc < 0 || !dockerfile_dir)
            return rc;
        option(in, "filename", "Dockerfile");
        return cli_session_add_local(in->session, "dockerfile", dockerfile_dir, err);
    }
    if (cli_session_add_local(in->session, "context", context, err) < 0)
        return err->code;
    return dockerfile_option(in, vt->local_path(vt->data, "context"), err);
}

/* The digest that a tag stands for in an OCI layout's index; without a tag the
 * only entry, or the one called "latest". */
static int
layout_digest(const char *dir, const char *tag, char **out, struct tenon_error *err)
{
    enum { INDEX_MAX = 4 << 20 };
    auto_free char *file = tenon_asprintf("%s/index.json", dir);
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    auto_json struct json_object *index = NULL;
    if (tenon_read_file(file, INDEX_MAX, &text, err) < 0 ||
        tenon_json_parse(text.data, text.len, INDEX_MAX, &index, err) < 0)
        return tenon_error_context(err, "OCI layout %s", dir);
    const char *found = tenon_oci_index_find(index, tag ? tag : "latest", !tag, NULL);
    if (!found)
        return tenon_error_set(err, TENON_E_NOT_FOUND, "OCI layout %s has no image \"%s\"", dir,
                               tag ? tag : "latest");
    *out = tenon_strdup(found);
    return TENON_OK;
}

/* The colon before the tag, or before a whole name where a layout is what stands before its first
 * colon; or NULL. */
static char *
layout_end(char *path)
{
    char *first = strchr(path, ':'), *last = strrchr(path, ':');
    if (!first)
        return NULL;
    auto_free char *index = tenon_asprintf("%.*s/index.json", (int)(first - path), path);
    return access(index, F_OK) == 0 ? first : strchr(last, '/') ? NULL : last;
}

/* --build-context NAME=VALUE */
static int
named_context(struct input *in, const char *spec, struct tenon_error *err)
{
    const char *eq = strchr(spec, '=');
    if (!eq || eq == spec || !eq[1])
        return tenon_error_set(err, TENON_E_INVALID,
                               "invalid build context: \"%s\", expected NAME=VALUE", spec);
    auto_free char *name = tenon_strndup(spec, (size_t)(eq - spec));
    auto_free char *key = tenon_asprintf("context:%s", name);
    const char *value = eq + 1;
    if (tenon_has_prefix(value, "oci-layout://")) {
        /* DIR[:TAG][@DIGEST]: the directory stays here, under the context's name */
        const char *path = value + strlen("oci-layout://");
        auto_free char *dir = tenon_strdup(path);
        char *at = strstr(dir, "@sha256:");
        if (at)
            *at = '\0';
        char *colon = layout_end(dir);
        if (colon)
            *colon = '\0';
        auto_free char *local = tenon_asprintf("oci-layout-%s", name);
        for (char *c = local; *c; c++)
            if (strchr(":/@", *c))
                *c = '-';
        auto_free char *digest = at ? tenon_strdup(at + 1) : NULL;
        if (!digest && layout_digest(dir, colon ? colon + 1 : NULL, &digest, err) < 0)
            return err->code;
        auto_free char *ref = tenon_asprintf("oci-layout://%s@%s", local, digest);
        option(in, key, ref);
        return cli_session_add_local(in->session, local, dir, err);
    }
    if (strstr(value, "://") || is_remote(value)) {
        option(in, key, value);
        return TENON_OK;
    }
    /* Not to be taken for the build's own, which no lock file has: as buildx. */
    const bool taken = !strcmp(name, "context") || !strcmp(name, "dockerfile") ||
                       !strcmp(name, "upload");
    auto_free char *local = tenon_asprintf("local:%s%s", taken ? "_" : "", name);
    option(in, key, local);
    return cli_session_add_local(in->session, local + strlen("local:"), value, err);
}

/* ---- the rest ----------------------------------------------------------- */

/* A proxy of docker's configuration is given to the steps; a --build-arg of its name, in either
 * spelling, wins: steps see one value under both. */
static void
proxy_arg(void *data, const char *name, const char *value)
{
    struct input *in = data;
    size_t len = strlen(name);
    for (char **a = in->flags->build_args; a && *a; a++)
        if (!strncasecmp(*a, name, len) && ((*a)[len] == '=' || !(*a)[len]))
            return;
    auto_free char *key = tenon_asprintf("build-arg:%s", name);
    option(in, key, value);
}

static int
build_args(struct input *in, struct tenon_error *err)
{
    bool epoch = false;
    for (char **a = in->flags->build_args; a && *a; a++) {
        char *eq = strchr(*a, '=');
        auto_free char *name = eq ? tenon_strndup(*a, (size_t)(eq - *a)) : tenon_strdup(*a);
        if (!*name)
            return tenon_error_set(err, TENON_E_INVALID, "invalid build argument \"%s\"", *a);
        epoch |= !strcmp(name, "SOURCE_DATE_EPOCH");
        const char *value = eq ? eq + 1 : secure_getenv(name);
        if (!value)
            continue; /* without a value and not in the environment: as if not given */
        auto_free char *key = tenon_asprintf("build-arg:%s", name);
        option(in, key, value);
    }
    const char *from_env = secure_getenv("SOURCE_DATE_EPOCH");
    if (from_env && *from_env && !epoch)
        option(in, "build-arg:SOURCE_DATE_EPOCH", from_env);
    return cli_docker_proxies(proxy_arg, in, err);
}

static int
network_option(struct input *in, struct tenon_error *err)
{
    const char *n = in->flags->network;
    if (!n || !strcmp(n, "default"))
        return TENON_OK;
    static const char *const words[] = { "default", "host", "none", NULL };
    auto_free char *meant = tenon_meant(n, words);
    if (strcmp(n, "host") && strcmp(n, "none"))
        return tenon_error_set(err, TENON_E_INVALID, "network mode \"%s\" not supported%s: "
                               "expected default, host or none", n, meant);
    option(in, "force-network-mode", n);
    return TENON_OK;
}

static int
add_hosts(struct input *in, struct tenon_error *err)
{
    if (!in->flags->add_hosts)
        return TENON_OK;
    auto_buf struct tenon_buf b = TENON_BUF_INIT;
    for (char **h = in->flags->add_hosts; *h; h++) {
        const char *sep = strpbrk(*h, "=:");
        if (!sep || sep == *h || !sep[1])
            return tenon_error_set(err, TENON_E_INVALID, "invalid host \"%s\", expected HOST:IP",
                                   *h);
        const char *ip = sep + 1;
        size_t len = strlen(ip);
        if (*ip == '[' && ip[len - 1] == ']')
            ip++, len -= 2;
        auto_free char *text = tenon_strndup(ip, len);
        unsigned char address[16];
        if (inet_pton(AF_INET, text, address) != 1 && inet_pton(AF_INET6, text, address) != 1 &&
            strcmp(text, "host-gateway"))
            return tenon_error_set(err, TENON_E_INVALID,
                                   "invalid host \"%s\": \"%s\" is not an address", *h, text);
        tenon_buf_addf(&b, "%s%.*s=%.*s", b.len ? "," : "", (int)(sep - *h), *h, (int)len, ip);
    }
    option(in, "add-hosts", tenon_buf_str(&b));
    return TENON_OK;
}

enum resource { RESOURCE_BYTES, RESOURCE_NUMBER, RESOURCE_SET };

/* Is it a list of processors or memory nodes as the kernel takes it: 0-3,8 */
static bool
is_set(const char *s)
{
    for (const char *p = s;; p++) {
        if (*p < '0' || *p > '9')
            return false;
        while (*p >= '0' && *p <= '9')
            p++;
        if (!*p)
            return true;
        if (*p != ',' && *p != '-')
            return false;
    }
}

/* The value as the frontend takes it (bytes as a number), or NULL. */
static char *
resource_value(enum resource kind, const char *value)
{
    int64_t n;
    if (kind == RESOURCE_SET)
        return is_set(value) ? tenon_strdup(value) : NULL;
    if (kind == RESOURCE_BYTES && strcmp(value, "-1")) { /* -1: no limit */
        if (!tenon_parse_size(value, &n))
            return NULL;
    } else if (!tenon_parse_i64(value, &n)) {
        return NULL;
    }
    return tenon_asprintf("%lld", (long long)n);
}

static int
resource_options(struct input *in, struct tenon_error *err)
{
    static const struct { const char *flag, *key; enum resource kind; } map[] = {
        { "memory", "memory", RESOURCE_BYTES },
        { "memory-swap", "memswap", RESOURCE_BYTES },
        { "cpu-shares", "cpushares", RESOURCE_NUMBER },
        { "cpu-period", "cpuperiod", RESOURCE_NUMBER },
        { "cpu-quota", "cpuquota", RESOURCE_NUMBER },
        { "cpuset-cpus", "cpusetcpus", RESOURCE_SET },
        { "cpuset-mems", "cpusetmems", RESOURCE_SET },
    };
    for (char **r = in->flags->resources; r && *r; r++) {
        const char *eq = strchr(*r, '=');
        size_t i = 0;
        for (; i < tenon_countof(map); i++)
            if (eq && strlen(map[i].flag) == (size_t)(eq - *r) &&
                !memcmp(map[i].flag, *r, (size_t)(eq - *r)))
                break;
        if (i == tenon_countof(map)) {
            const char *names[tenon_countof(map) + 1] = {0};
            for (size_t n = 0; n < tenon_countof(map); n++)
                names[n] = map[n].flag;
            auto_free char *word = tenon_strndup(*r, strcspn(*r, "="));
            auto_free char *meant = tenon_meant(word, names);
            return tenon_error_set(err, TENON_E_INVALID, "invalid resource \"%s\"%s", *r, meant);
        }
        auto_free char *value = resource_value(map[i].kind, eq + 1);
        if (!value)
            return tenon_error_set(err, TENON_E_INVALID, "invalid value for %s: \"%s\"",
                                   map[i].flag, eq + 1);
        option(in, map[i].key, value);
    }
    return TENON_OK;
}

static int
check_platform(const char *where, const char *text, struct tenon_error *err)
{
    struct tenon_platform p;
    if (tenon_platform_parse(text, &p, err) < 0)
        return tenon_error_context(err, "%s", where);
    /* A client's frontend may name any; what this command builds is to run somewhere.  The flag is
     * well written, so the status is that of a build that failed. */
    if (strcmp(p.os, "linux"))
        return tenon_error_set(err, TENON_E_FAILED, "platform %s: only linux images can be built",
                               text);
    return TENON_OK;
}

/* The platform of DOCKER_DEFAULT_PLATFORM when no flag says another; "local"
 * is this machine. */
static int
platform_option(struct input *in, struct tenon_error *err)
{
    const char *from_env = secure_getenv("DOCKER_DEFAULT_PLATFORM");
    if (!in->flags->platforms) {
        if (!from_env || !*from_env)
            return TENON_OK;
        option(in, "platform", from_env);
        return check_platform("DOCKER_DEFAULT_PLATFORM", from_env, err);
    }
    struct tenon_platform host;
    char local[200];
    tenon_platform_host(&host);
    tenon_platform_format(&host, local);
    auto_buf struct tenon_buf b = TENON_BUF_INIT;
    for (char **p = in->flags->platforms; *p; p++) {
        const char *text = strcmp(*p, "local") ? *p : local;
        if (check_platform("--platform", text, err) < 0)
            return err->code;
        tenon_buf_addf(&b, "%s%s", b.len ? "," : "", text);
    }
    option(in, "platform", tenon_buf_str(&b));
    return TENON_OK;
}

static int
ulimit_option(struct input *in, struct tenon_error *err)
{
    for (char **u = in->flags->ulimits; u && *u; u++) {
        struct tenon_ulimit limit;
        auto_free char *wrong = tenon_ulimit_parse(*u, &limit);
        if (wrong)
            return tenon_error_set(err, TENON_E_INVALID, "--ulimit: %s", wrong);
    }
    option_list(in, "ulimit", in->flags->ulimits);
    return TENON_OK;
}

static void
sort(char **options)
{
    if (options)
        qsort(options, tenon_strv_len(options), sizeof *options, tenon_by_text);
}

/* From standard input, a pipe or the web: it takes its time, and can be read once. */
static bool
is_read(const struct build_flags *f)
{
    const char *file = f->file ? f->file : "";
    const bool is_here = !is_remote(f->context) || *file == '/'; /* else in the remote context */
    return !strcmp(f->context, "-") || !strcmp(file, "-") || tenon_has_prefix(file, "http://") ||
           tenon_has_prefix(file, "https://") || (is_here && is_stream(file));
}

int
build_input_read(const struct build_flags *f, struct json_object *config,
                 struct tenon_plugins *plugins, struct cli_session *s,
                 struct tenon_cancel *cancel, char ***options, struct tenon_error *err)
{
    struct input in = { f, config, plugins, s, cancel, options, false };
    if (is_read(f) && context_options(&in, err) < 0)
        return err->code;
    sort(*options);
    return TENON_OK;
}

/* A frontend that does not know of these would build something else than what was asked for. */
static void
needed_caps(struct input *in, const char *request)
{
    const bool contexts = in->flags->build_contexts && *in->flags->build_contexts;
    auto_free char *caps =
        tenon_asprintf("%s%s%s", contexts ? "moby.buildkit.frontend.contexts+forward" : "",
                       contexts && request ? "," : "",
                       request ? "moby.buildkit.frontend.subrequests+forward" : "");

    if (*caps)
        option(in, "frontend.caps", caps);
}

int
build_input(const struct build_flags *f, struct json_object *config,
            struct tenon_plugins *plugins, struct cli_session *s, struct tenon_cancel *cancel,
            struct build_policies *policies, char ***options, struct tenon_error *err)
{
    struct input in = { f, config, plugins, s, cancel, options, false };
    if (build_policy_asked(f, policies, &in.policy_beside, err) < 0)
        return err->code;
    for (char **x = f->secrets; x && *x; x++)
        if (cli_session_add_secret(s, *x, err) < 0)
            return err->code;
    if ((!is_read(f) && context_options(&in, err) < 0) || build_args(&in, err) < 0 ||
        network_option(&in, err) < 0 || add_hosts(&in, err) < 0 ||
        resource_options(&in, err) < 0)
        return err->code;
    for (char **c = f->build_contexts; c && *c; c++)
        if (named_context(&in, *c, err) < 0)
            return err->code;
    for (char **l = f->labels; l && *l; l++) {
        char *eq = strchr(*l, '=');
        if (!**l || eq == *l)
            return tenon_error_set(err, TENON_E_INVALID, "invalid label \"%s\"", *l);
        auto_free char *key =
            tenon_asprintf("label:%.*s", (int)(eq ? eq - *l : (long)strlen(*l)), *l);
        option(&in, key, eq ? eq + 1 : "");
    }
    if (platform_option(&in, err) < 0 || ulimit_option(&in, err) < 0)
        return err->code;
    struct build_call call;
    if (build_call_parse(f, &call, err) < 0)
        return err->code;
    if (call.request)
        option(&in, "requestid", call.request);
    needed_caps(&in, call.request);
    if (f->target)
        option(&in, "target", f->target);
    if (f->no_cache)
        option(&in, "no-cache", "");
    else if (f->no_cache_filter)
        option_list(&in, "no-cache", f->no_cache_filter);
    if (f->pull || f->prefer_store)
        option(&in, "image-resolve-mode", f->pull ? "pull" : "local");
    if (f->shm_size) {
        int64_t bytes;
        if (!tenon_parse_size(f->shm_size, &bytes))
            return tenon_error_set(err, TENON_E_INVALID, "invalid --shm-size \"%s\"", f->shm_size);
        auto_free char *text = tenon_asprintf("%lld", (long long)bytes);
        option(&in, "shm-size", text);
    }
    if (f->cgroup_parent)
        option(&in, "cgroup-parent", f->cgroup_parent);
    sort(*options);
    return TENON_OK;
}
