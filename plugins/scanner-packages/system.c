/* scanner-packages/system.c - packages of the distribution: dpkg's and apk's databases, which are
 * text, and rpm's.  Older forms of that are not read, and said so. */
#include "found.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/alloc.h"
#include "tools/cleanup.h"

/* ---- lines "Key: value" or "K:value" in stanzas ---------------------------------------------- */

struct stanza { /* its lines end with NUL */
    TENON_VEC(char *) lines;
};

static const char *
field(const struct stanza *s, const char *key)
{
    size_t len = strlen(key);
    tenon_vec_foreach(l, &s->lines)
        if (!strncmp(*l, key, len) && (*l)[len] == ':') {
            const char *value = *l + len + 1;
            return value + strspn(value, " \t");
        }
    return NULL;
}

static void
each_stanza(struct scan *scan, const struct tenon_buf *text, const char *path,
            void (*visit)(struct scan *, const struct stanza *, const char *path))
{
    auto_free char *copy = tenon_memdup(text->data ? text->data : "", text->len);
    struct stanza s = {0};
    for (size_t i = 0; i < text->len; i++)
        if (!copy[i])
            copy[i] = ' '; /* nothing is hidden behind an end that is none */
    for (char *line = copy; line;) {
        char *next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        if (*line)
            tenon_vec_push(&s.lines, line);
        if ((!*line || !next) && s.lines.len) {
            visit(scan, &s, path);
            s.lines.len = 0;
        }
        line = next;
    }
    tenon_vec_release(&s.lines);
}

/* ---- dpkg ---------------------------------------------- */

static void
dpkg_package(struct scan *s, const struct stanza *st, const char *path)
{
    const char *status = field(st, "Status"), *arch = field(st, "Architecture");
    if (status && !strstr(status, " installed"))
        return; /* only its configuration is left */
    auto_free char *q_arch = arch ? tenon_asprintf("arch=%s", arch) : NULL;
    auto_free char *distro = *s->os_version ? tenon_asprintf("distro=%s-%s", s->os_id,
                                                             s->os_version) : NULL;
    const char *qualifiers[3] = { 0 };
    size_t n = 0;
    if (q_arch)
        qualifiers[n++] = q_arch;
    if (distro)
        qualifiers[n++] = distro;
    found_add(s, "deb", *s->os_id ? s->os_id : "debian", field(st, "Package"),
              field(st, "Version"), qualifiers, NULL, field(st, "Maintainer"), path);
}

/* ---- apk ---------------------------------------------- */

static void
apk_package(struct scan *s, const struct stanza *st, const char *path)
{
    const char *arch = field(st, "A");
    auto_free char *q_arch = arch ? tenon_asprintf("arch=%s", arch) : NULL;
    auto_free char *distro = *s->os_version ? tenon_asprintf("distro=%s-%s", s->os_id,
                                                             s->os_version) : NULL;
    const char *qualifiers[3] = { 0 };
    size_t n = 0;
    if (q_arch)
        qualifiers[n++] = q_arch;
    if (distro)
        qualifiers[n++] = distro;
    found_add(s, "apk", *s->os_id ? s->os_id : "alpine", field(st, "P"), field(st, "V"),
              qualifiers, field(st, "L"), field(st, "m"), path);
}

/* ---- which distribution ---------------------------------------------- */

/* ID=debian, or VERSION_ID="12" */
static char *
os_value(const struct tenon_buf *text, const char *key)
{
    size_t len = strlen(key);
    for (const char *at = tenon_buf_str(text); *at;) {
        size_t line = strcspn(at, "\n");
        if (line > len && !strncmp(at, key, len) && at[len] == '=') {
            const char *value = at + len + 1;
            size_t n = line - len - 1;
            if (n >= 2 && (*value == '"' || *value == '\'') && value[n - 1] == *value)
                value++, n -= 2;
            return tenon_strndup(value, n);
        }
        at += line + (at[line] == '\n');
    }
    return tenon_strdup("");
}

static bool
is_there(struct scan *s, const char *path)
{
    struct tenon_error *ignored = s->host->error->create(s->ctx);
    auto_close int fd = s->host->files->open_in(s->ctx, s->root, path, O_PATH, 0, ignored);
    s->host->error->clear(ignored);
    return fd >= 0;
}

void
scan_system(struct scan *s)
{
    static const char *const rpm[] = { "usr/lib/sysimage/rpm/rpmdb.sqlite",
                                       "var/lib/rpm/rpmdb.sqlite", /* may lead to the first */
                                       "usr/lib/sysimage/rpm/Packages.db",
                                       "var/lib/rpm/Packages.db", "var/lib/rpm/Packages" };
    static const struct {
        const char *path;
        void (*visit)(struct scan *, const struct stanza *, const char *);
    } databases[] = {
        { "var/lib/dpkg/status", dpkg_package },
        { "lib/apk/db/installed", apk_package },
        { "usr/lib/apk/db/installed", apk_package },
    };
    struct tenon_buf os = TENON_BUF_INIT;
    if (!found_read(s, "etc/os-release", &os))
        found_read(s, "usr/lib/os-release", &os);
    s->os_id = os_value(&os, "ID");
    s->os_version = os_value(&os, "VERSION_ID");
    tenon_buf_release(&os);
    size_t before = 0;
    for (size_t i = 0; i < tenon_countof(databases); i++) {
        auto_buf struct tenon_buf text = TENON_BUF_INIT;
        if (i == 2 && s->list.len > before)
            break; /* the older place leads to the newer */
        before = s->list.len;
        if (found_read(s, databases[i].path, &text))
            each_stanza(s, &text, databases[i].path, databases[i].visit);
        else if (is_there(s, databases[i].path))
            s->host->progress->log(s->ctx, 4,
                                   "packages are not in the bill of materials: /%s is not read",
                                   databases[i].path);
    }
    for (size_t i = 0; i < tenon_countof(rpm); i++) {
        const int read = tenon_has_suffix(rpm[i], ".sqlite") ? scan_rpm(s, rpm[i])
                         : is_there(s, rpm[i]) ? -1 : 0;
        auto_free char *log = tenon_asprintf("%s-wal", rpm[i]);
        if (read > 0 && found_size(s, log) > 0)
            s->host->progress->log(s->ctx, 4,
                                   "the newest packages of rpm may not be in the bill of "
                                   "materials: /%s is not read",
                                   log);
        if (read < 0)
            s->host->progress->log(s->ctx, 4,
                                   "packages of rpm are not in the bill of materials: /%s is "
                                   "not read",
                                   rpm[i]);
        if (read)
            break;
    }
}
