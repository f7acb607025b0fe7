/* tree/user.c - users and groups by the files of a root, as moby/sys/user reads
 * them.  See tree.h. */
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "base/io.h"
#include "base/root.h"
#include "tools/alloc.h"
#include "tools/comma.h"
#include "tools/parse.h"
#include "tree/tree.h"

#define FILE_MAX (16 * 1024 * 1024)
#define FIELDS 7
#define GROUPS_MAX 65536

/* In an image without the file no id has a name. */
static int
read_table(int rootfd, const char *path, struct tenon_buf *out,
           struct tenon_error *err)
{
    auto_close int fd =
        tenon_root_open(rootfd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, err);
    if (fd == TENON_E_NOT_FOUND) {
        tenon_error_release(err);
        return 0;
    }
    struct stat st;
    if (fd < 0)
        return fd;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return tenon_error_set(err, TENON_E_INVALID,
                               "\"%s\" is not a regular file", path);
    int rc = tenon_read_all(fd, FILE_MAX, out, err);
    return rc < 0 ? tenon_error_context(err, "read \"%s\"", path) : 0;
}

/* A table being read, and the line that was split off last. */
struct table {
    const char *path;
    char *rest; /* NULL: there is none */
    unsigned line;
    char *f[FIELDS];
};

/* Splits off the next line into fields, in place; false at the end.  Missing
 * fields are "". */
static bool
next_line(struct table *t)
{
    static char none[] = "";
    while (t->rest && *t->rest) {
        char *line = t->rest;
        char *end = line + strcspn(line, "\n");
        t->rest = *end ? end + 1 : end;
        *end = '\0';
        t->line++;
        line += strspn(line, " \t\r");
        size_t len = strlen(line);
        while (len && strchr(" \t\r", line[len - 1]))
            line[--len] = '\0';
        if (!*line || *line == '#')
            continue;
        for (size_t i = 0; i < FIELDS; i++) {
            t->f[i] = line ? line : none;
            line = line ? strchr(line, ':') : NULL;
            if (line)
                *line++ = '\0';
        }
        return true;
    }
    return false;
}

/* Ids are those that fit an int, as there. */
static bool
parse_id(const char *s, uint32_t *out)
{
    uint64_t v;
    if (!tenon_parse_u64(s, 10, &v) || v > INT_MAX)
        return false;
    *out = (uint32_t)v;
    return true;
}

/* Owners of files may be any but the last, which tells the kernel to leave the owner as it
 * is: root. */
static bool
parse_owner(const char *s, uint32_t *out)
{
    uint64_t v;
    if (!tenon_parse_u64(s, 10, &v) || v >= UINT32_MAX)
        return false;
    *out = (uint32_t)v;
    return true;
}

/* An id of a line that is used. What is none would be 0 for BuildKit: root. */
static int
id_of_line(const struct table *t, size_t field, const char *what, uint32_t *out,
           struct tenon_error *err)
{
    if (parse_owner(t->f[field], out))
        return 0;
    return tenon_error_set(err, TENON_E_INVALID, "%s:%u: \"%s\" has an invalid %s: \"%s\"",
                           t->path, t->line, t->f[0], what, t->f[field]);
}

static bool
line_has_id(const struct table *t, uint32_t id)
{
    uint32_t it;
    return parse_owner(t->f[2], &it) && it == id;
}

static bool
is_number(const char *s)
{
    return *s && !s[strspn(s, "0123456789")];
}

void
tenon_user_release(struct tenon_user *u)
{
    free(u->groups);
    free(u->home);
    *u = (struct tenon_user){0};
}

void
tenon_user_add_group(struct tenon_user *u, uint32_t gid)
{
    u->groups = tenon_reallocarray(u->groups, u->group_count + 1, sizeof *u->groups);
    u->groups[u->group_count++] = gid;
}

/* The user's line; *name gets its name. */
static int
find_user(int rootfd, const char *user, struct tenon_user *u, char **name,
          struct tenon_error *err)
{
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    int rc = read_table(rootfd, "/etc/passwd", &text, err);
    if (rc < 0)
        return rc;
    bool number = is_number(user);
    uint32_t id = 0;
    if (number && !parse_id(user, &id))
        return tenon_error_set(err, TENON_E_INVALID,
                               "invalid uid \"%s\": out of range", user);
    struct table t = { .path = "/etc/passwd", .rest = text.data };
    while (next_line(&t)) {
        bool match = !*user || number ? line_has_id(&t, id) : tenon_streq(t.f[0], user);
        if (!match)
            continue;
        if (id_of_line(&t, 2, "uid", &u->uid, err) < 0 ||
            id_of_line(&t, 3, "gid", &u->gid, err) < 0)
            return err->code;
        u->home = tenon_strdup(t.f[5]);
        *name = tenon_strdup(t.f[0]);
        return 0;
    }
    if (*user && !number)
        return tenon_error_set(
            err, TENON_E_NOT_FOUND,
            "unable to find user %s: no matching entries in passwd file", user);
    u->uid = id;
    u->gid = 0;
    return 0;
}

/* With a group asked for: that one.  Without: those the user is a member of. */
static int
find_groups(int rootfd, const char *group, const char *user_name,
            struct tenon_user *u, struct tenon_error *err)
{
    uint32_t id = 0;
    bool number = group && is_number(group);
    if (number && !parse_id(group, &id))
        return tenon_error_set(err, TENON_E_INVALID,
                               "invalid gid \"%s\": out of range", group);
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    int rc = read_table(rootfd, "/etc/group", &text, err);
    if (rc < 0)
        return rc;
    struct table t = { .path = "/etc/group", .rest = text.data };
    while (next_line(&t)) {
        if (!group) {
            uint32_t gid;
            if (!tenon_comma_has(t.f[3], user_name) || u->group_count >= GROUPS_MAX)
                continue;
            if (id_of_line(&t, 2, "gid", &gid, err) < 0)
                return err->code;
            tenon_user_add_group(u, gid);
        } else if (number ? line_has_id(&t, id) : tenon_streq(t.f[0], group)) {
            return id_of_line(&t, 2, "gid", &u->gid, err);
        }
    }
    if (group && !number)
        return tenon_error_set(
            err, TENON_E_NOT_FOUND,
            "unable to find group %s: no matching entries in group file", group);
    if (group)
        u->gid = id;
    return 0;
}

int
tenon_user_lookup(int rootfd, const char *spec, struct tenon_user *out,
                  struct tenon_error *err)
{
    auto_free char *user = tenon_strdup(spec ? spec : "");
    char *group = strchr(user, ':');
    if (group)
        *group++ = '\0';
    if (group && !*group)
        group = NULL;
    struct tenon_user u = {0};
    auto_free char *name = NULL;
    int rc = find_user(rootfd, user, &u, &name, err);
    if (rc == 0 && (group || name))
        rc = find_groups(rootfd, group, name, &u, err);
    if (rc < 0) {
        tenon_user_release(&u);
        return rc;
    }
    *out = u;
    return 0;
}

/* BuildKit takes it for the name of nobody, and the file is root's. */
static int
refuse_negative(const char *id, const char *what, struct tenon_error *err)
{
    if (!id || *id != '-' || !is_number(id + 1))
        return 0;
    return tenon_error_set(err, TENON_E_INVALID, "invalid %s \"%s\": out of range", what, id);
}

int
tenon_user_owner(int user_rootfd, const char *user, int group_rootfd,
                 const char *group, struct tenon_owner *out,
                 struct tenon_error *err)
{
    struct tenon_owner owner = {.set = true};
    if (refuse_negative(user, "uid", err) < 0 || refuse_negative(group, "gid", err) < 0)
        return err->code;
    if (user && parse_owner(user, &owner.uid)) {
        owner.gid = owner.uid;
    } else if (user) {
        struct tenon_user u = {0};
        auto_free char *name = NULL;
        int rc = find_user(user_rootfd, user, &u, &name, err);
        if (rc == 0) {
            owner.uid = u.uid;
            owner.gid = u.gid;
        }
        tenon_user_release(&u);
        if (rc < 0 && rc != TENON_E_NOT_FOUND)
            return rc;
        tenon_error_release(err);
    }
    if (group && !parse_owner(group, &owner.gid)) {
        struct tenon_user u = {0};
        int rc = find_groups(group_rootfd, group, "", &u, err);
        if (rc == 0)
            owner.gid = u.gid;
        tenon_user_release(&u);
        if (rc < 0 && rc != TENON_E_NOT_FOUND)
            return rc;
        tenon_error_release(err);
    }
    *out = owner;
    return 0;
}
