/* scanner-packages/language.c - packages of Python, node and Go, found by the files that
 * installing or linking them leaves. */
#include "found.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/export/walk.h"
#include "tools/alloc.h"
#include "tools/cleanup.h"
#include "tools/jsontext.h"

enum { ELF_MAX = 1 << 30, HEAD_MAX = 64 << 10, LINE_PARTS = 4, GO_VERSION_MAX = 256 };

/* ---- Python: METADATA, PKG-INFO ---------------------------------------------- */

/* A field of the head, which ends with an empty line. */
static char *
header(const char *text, const char *key)
{
    size_t len = strlen(key);
    while (*text && *text != '\n') {
        size_t line = strcspn(text, "\r\n");
        if (line > len && !strncmp(text, key, len) && text[len] == ':') {
            const char *value = text + len + 1;
            value += strspn(value, " \t");
            return tenon_strndup(value, (size_t)(text + line - value));
        }
        text += line;
        text += strspn(text, "\r");
        text += *text == '\n';
    }
    return NULL;
}

static void
python_package(struct scan *s, const char *path)
{
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    if (!found_read(s, path, &text))
        return;
    auto_free char *name = header(tenon_buf_str(&text), "Name");
    auto_free char *version = header(tenon_buf_str(&text), "Version");
    auto_free char *license = header(tenon_buf_str(&text), "License-Expression");
    if (!license)
        license = header(tenon_buf_str(&text), "License");
    for (char *c = name; c && *c; c++) /* as package URLs want it */
        *c = *c == '_' ? '-' : *c >= 'A' && *c <= 'Z' ? (char)(*c + 32) : *c;
    found_add(s, "pypi", NULL, name, version, NULL, license, NULL, path);
}

/* ---- node: package.json below node_modules ---------------------------------------------- */

static const char *
text_member(struct json_object *o, const char *key)
{
    struct json_object *v = NULL;
    return json_object_object_get_ex(o, key, &v) && json_object_is_type(v, json_type_string)
               ? json_object_get_string(v) : NULL;
}

static void
node_package(struct scan *s, const char *path)
{
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    if (!found_read(s, path, &text))
        return;
    struct json_object *o = tenon_json_parse_modest(tenon_buf_str(&text));
    const char *name = json_object_is_type(o, json_type_object) ? text_member(o, "name") : NULL;
    if (name) {
        const char *slash = *name == '@' ? strchr(name, '/') : NULL;
        auto_free char *space = slash ? tenon_strndup(name, (size_t)(slash - name)) : NULL;
        found_add(s, "npm", space, slash ? slash + 1 : name, text_member(o, "version"), NULL,
                  text_member(o, "license"), NULL, path);
    }
    json_object_put(o);
}

/* node_modules/NAME/package.json, or node_modules/@SCOPE/NAME/package.json */
static bool
is_node_package(const char *path)
{
    static const char file[] = "/package.json", dir[] = "node_modules/";
    if (!tenon_has_suffix(path, file))
        return false;
    const char *last = NULL;
    for (const char *at = path; (at = strstr(at, dir)); at++)
        last = at;
    if (!last)
        return false;
    unsigned slashes = 0;
    for (const char *c = last + sizeof dir - 1; *c; c++)
        slashes += *c == '/';
    return slashes == (last[sizeof dir - 1] == '@' ? 2 : 1);
}

/* ---- Go: what the linker leaves in a program ---------------------------------------------- */

static const char magic[] = "\xff Go buildinf:";

/* A number of Go's varint, and what follows it. */
static const unsigned char *
read_length(const unsigned char *at, const unsigned char *end, size_t *out)
{
    uint64_t v = 0;
    for (unsigned shift = 0; at < end && shift < 63; shift += 7) {
        v |= (uint64_t)(*at & 0x7f) << shift;
        if (!(*at++ & 0x80)) {
            *out = (size_t)v;
            return v <= (uint64_t)(end - at) ? at : NULL;
        }
    }
    return NULL;
}

static void
go_line(struct scan *s, char *line, const char *path)
{
    char *part[LINE_PARTS] = { 0 };
    size_t n = 0;
    for (char *at = line; at && n < LINE_PARTS; n++) {
        part[n] = at;
        at = strchr(at, '\t');
        if (at)
            *at++ = '\0';
    }
    if (n < 3 || (strcmp(part[0], "mod") && strcmp(part[0], "dep") && strcmp(part[0], "=>")) ||
        !strcmp(part[2], "(devel)"))
        return;
    const char *slash = strrchr(part[1], '/');
    auto_free char *space = slash ? tenon_strndup(part[1], (size_t)(slash - part[1])) : NULL;
    found_add(s, "golang", space, slash ? slash + 1 : part[1], part[2], NULL, NULL, NULL, path);
}

/* The form of Go 1.18 and later, where the texts follow the head. */
static void
go_modules(struct scan *s, const unsigned char *data, size_t len, const char *path)
{
    enum { HEAD = 32, SENTINEL = 16 };
    const unsigned char *end = data + len;
    const unsigned char *at = memmem(data, len, magic, sizeof magic - 1);
    size_t text;
    if (!at || (size_t)(end - at) < HEAD || !(at[15] & 2))
        return;
    at = read_length(at + HEAD, end, &text);
    if (!at)
        return;
    if (text > GO_VERSION_MAX)
        return;
    auto_free char *version = tenon_strndup((const char *)at, text);
    if (tenon_has_prefix(version, "go"))
        found_add(s, "golang", NULL, "stdlib", version + 2, NULL, NULL, NULL, path);
    at = read_length(at + text, end, &text);
    if (!at || text < 2 * SENTINEL || text > HEAD_MAX * 64)
        return;
    auto_free char *lines = tenon_strndup((const char *)at + SENTINEL, text - 2 * SENTINEL);
    for (char *line = lines; line && *line;) {
        char *next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        /* What it was replaced by follows; a directory has no version of its own. */
        const size_t rest = next ? strcspn(next, "\n") : 0;
        if (!rest || !tenon_has_prefix(next, "=>\t") || memmem(next, rest, "\t(devel)", 8))
            go_line(s, line, path);
        line = next;
    }
}

static void
go_program(struct scan *s, const struct export_entry *e)
{
    auto_close int fd = openat(e->dirfd, e->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    char head[4];
    if (fd < 0 || pread(fd, head, sizeof head, 0) != sizeof head ||
        memcmp(head, "\177ELF", sizeof head) != 0)
        return;
    size_t len = (size_t)e->st->st_size;
    void *data = mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED)
        return;
    go_modules(s, data, len, e->path);
    munmap(data, len);
}

/* ------------------------------------------------------------------------------------- */

static bool
is_python_package(const char *path)
{
    return tenon_has_suffix(path, ".dist-info/METADATA") ||
           tenon_has_suffix(path, ".egg-info/PKG-INFO") ||
           (tenon_has_suffix(path, ".egg-info") && strstr(path, "-packages/"));
}

/* Has it been read under another name?  A link from a store of files, which has names of its
 * own, has not. */
static bool
is_again(const struct export_entry *e, bool (*is_one)(const char *path))
{
    return e->first && is_one(e->first);
}

static int
visit(void *data, const struct export_entry *e, struct tenon_error *err)
{
    struct scan *s = data;
    (void)err;
    if (!S_ISREG(e->st->st_mode) || s->full)
        return TENON_OK;
    if (is_python_package(e->path)) {
        if (!is_again(e, is_python_package))
            python_package(s, e->path);
    } else if (is_node_package(e->path)) {
        if (!is_again(e, is_node_package))
            node_package(s, e->path);
    } else if ((e->st->st_mode & 0111) && !e->first && e->st->st_size > 4 &&
               e->st->st_size <= ELF_MAX) {
        go_program(s, e);
    }
    return TENON_OK;
}

int
scan_languages(struct scan *s, struct tenon_error *err)
{
    return export_walk(s->host, s->ctx, s->root, visit, s, err);
}
