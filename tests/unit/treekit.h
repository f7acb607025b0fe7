/* treekit.h - trees for the tests of core/tree: made from a table, shown as
 * text. */
#ifndef TENON_TEST_TREEKIT_H
#define TENON_TEST_TREEKIT_H

#include "unit.h"

#include <stdio.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "base/root.h"
#include "tools/buf.h"
#include "tree/tree.h"
#include "tree/view.h"

/* Makes "d/e/" (a directory), "f=text", "l>target", "p|" (a pipe), "s&" (a
 * socket), "h@first" (a hard link), "n%c1:3" and "n%b7:0" (devices, as root);
 * parents come by themselves.  "MODE " in front sets the mode, "MODE:UID:GID "
 * the owner, too. */
__attribute__((unused)) static void
tree_add(int root, const char *spec)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    unsigned mode = 0, uid = 0, gid = 0;
    bool owned = false;
    auto_free char *copy = tenon_strdup(spec);
    char *p = copy;
    if (*p >= '0' && *p <= '9' && strchr(p, ' ')) {
        owned = sscanf(p, "%o:%u:%u", &mode, &uid, &gid) == 3;
        p = strchr(p, ' ') + 1;
    }
    char *end = p + strcspn(p, "=>|&@%");
    char what = *end;
    char *value = what ? end + 1 : end;
    *end = '\0';
    bool dir = !what;
    if (dir && p[strlen(p) - 1] == '/')
        p[strlen(p) - 1] = '\0';
    char *slash = strrchr(p, '/');
    if (slash) {
        *slash = '\0';
        ck_assert_int_eq(tenon_mkdir_p(root, p, 0755, &err), 0);
        *slash = '/';
    }
    if (dir)
        ck_assert_int_eq(tenon_mkdir_p(root, p, 0755, &err), 0);
    else if (what == '=')
        unit_write(root, p, value);
    else if (what == '>')
        ck_assert_int_eq(symlinkat(value, root, p), 0);
    else if (what == '|')
        ck_assert_int_eq(mkfifoat(root, p, 0644), 0);
    else if (what == '&')
        ck_assert_int_eq(mknodat(root, p, S_IFSOCK | 0644, 0), 0);
    else if (what == '%') {
        unsigned major = 0, minor = 0;
        ck_assert_int_eq(sscanf(value + 1, "%u:%u", &major, &minor), 2);
        ck_assert_int_eq(mknodat(root, p, (*value == 'c' ? S_IFCHR : S_IFBLK) | 0644,
                                 makedev(major, minor)), 0);
    } else if (what == '@')
        ck_assert_int_eq(linkat(root, value, root, p, 0), 0);
    if (owned)
        ck_assert_int_eq(fchownat(root, p, uid, gid, AT_SYMLINK_NOFOLLOW), 0);
    if (mode)
        ck_assert_int_eq(fchmodat(root, p, mode, 0), 0);
}

__attribute__((unused)) static void
tree_make(int root, const char *const *specs)
{
    for (; *specs; specs++)
        tree_add(root, *specs);
}

__attribute__((unused)) static void
tree_age(int root, const char *path, int64_t seconds)
{
    struct timespec t[2] = {{.tv_sec = seconds}, {.tv_sec = seconds}};
    ck_assert_int_eq(utimensat(root, path, t, AT_SYMLINK_NOFOLLOW), 0);
}

__attribute__((unused)) static int64_t
tree_mtime(int root, const char *path)
{
    struct stat st;
    ck_assert_int_eq(fstatat(root, path, &st, AT_SYMLINK_NOFOLLOW), 0);
    return st.st_mtim.tv_sec;
}

static void
show_dir(struct tenon_view *v, struct tenon_entry *dir, struct tenon_buf *out)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    ck_assert_msg(tenon_view_load(v, dir, &err) == 0, "%s", err.message);
    for (size_t i = 0; i < dir->kid_count; i++) {
        struct tenon_entry *e = &dir->kids[i];
        if (e->flags & TENON_ENTRY_HIDDEN)
            continue;
        tenon_entry_path(e, out);
        bool plain = (e->mode & 07777) ==
                     (S_ISDIR(e->mode) ? 0755u : 0644u);
        if (S_ISDIR(e->mode))
            tenon_buf_addc(out, '/');
        else if (S_ISLNK(e->mode))
            tenon_buf_addf(out, ">%s", e->link);
        else if (S_ISFIFO(e->mode))
            tenon_buf_addc(out, '|');
        else if (S_ISSOCK(e->mode))
            tenon_buf_addc(out, '&');
        else {
            auto_buf struct tenon_buf text = TENON_BUF_INIT;
            if (!(e->flags & TENON_ENTRY_EMPTY)) {
                auto_close int fd = tenon_view_open(v, e, -1, &err);
                ck_assert_msg(fd >= 0, "%s", err.message);
                ck_assert_int_eq(tenon_read_all(fd, 1 << 20, &text, &err), 0);
            }
            tenon_buf_addf(out, "=%s", tenon_buf_str(&text));
        }
        if (!plain && !S_ISLNK(e->mode))
            tenon_buf_addf(out, " %04o", e->mode & 07777);
        if (e->uid || e->gid)
            tenon_buf_addf(out, " %u:%u", e->uid, e->gid);
        tenon_buf_addc(out, '\n');
        if (S_ISDIR(e->mode))
            show_dir(v, e, out);
    }
}

/* One line an entry, sorted; modes but 0755 and 0644 and owners but 0:0 behind
 * it.  Caller frees. */
__attribute__((unused)) static char *
view_show(struct tenon_view *v)
{
    struct tenon_buf out = TENON_BUF_INIT;
    show_dir(v, &v->top, &out);
    return out.data ? tenon_buf_steal(&out) : tenon_strdup("");
}

__attribute__((unused)) static char *
tree_show(int root)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_view_options o = {.rootfd = root};
    struct tenon_view *v;
    ck_assert_int_eq(tenon_view_new(&o, &v, &err), 0);
    char *text = view_show(v);
    tenon_view_free(v);
    return text;
}

#endif
