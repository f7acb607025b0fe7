/* cli/pluginnew.c - see pluginnew.h. */
#include "pluginnew.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "cli.h"
#include "tools/alloc.h"
#include "tools/buf.h"
#include "tools/parse.h"

static const struct {
    const char *path, *text; /* "mount/plugin.c"; "all/..." is for each kind */
} files[] = {
#include "newplugin.inc"
};

static const char *const kinds[] = {"mount",    "exporter", "progress", "frontend",
                                    "source",   "attester", NULL};

/* @NAME@ and the like. */
static char *
filled(const char *text, const char *kind, const char *name)
{
    auto_free char *id = tenon_strdup(name);
    auto_free char *abi = tenon_asprintf("%u", TENON_ABI_MAJOR);
    for (char *p = id; *p; p++)
        if (*p == '-')
            *p = '_';
    const struct {
        const char *word, *value;
    } words[] = {{"@KIND@", kind}, {"@NAME@", name}, {"@ID@", id}, {"@ABI@", abi}};
    auto_buf struct tenon_buf b = TENON_BUF_INIT;
    while (*text) {
        size_t i = 0;
        while (i < tenon_countof(words) && !tenon_has_prefix(text, words[i].word))
            i++;
        if (i < tenon_countof(words)) {
            tenon_buf_adds(&b, words[i].value);
            text += strlen(words[i].word);
        } else {
            tenon_buf_addc(&b, *text++);
        }
    }
    return tenon_buf_steal(&b);
}

static int
check_words(const char *kind, const char *name, struct tenon_error *err)
{
    size_t i = 0;
    while (kinds[i] && strcmp(kinds[i], kind))
        i++;
    if (!kinds[i]) {
        auto_free char *meant = tenon_meant(kind, kinds);
        tenon_error_set(err, TENON_E_INVALID,
                        "there is no package to begin a %s with%s", kind, meant);
        return tenon_error_hint(
            err,
            "there are: mount, exporter, progress, frontend, source, attester; for others "
            "docs/plugins.md");
    }
    if (*name < 'a' || *name > 'z' ||
        strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(name))
        return tenon_error_set(
            err, TENON_E_INVALID,
            "\"%s\": in a plugin's name are small letters, digits and hyphens, "
            "a letter first",
            name);
    for (int k = TENON_KIND_FRONTEND; k <= TENON_KIND_SCANNER; k++)
        if (!strcmp(tenon_kind_name((enum tenon_kind)k), kind) &&
            tenon_plugin_is_bundled((enum tenon_kind)k, name))
            return tenon_error_set(err, TENON_E_INVALID,
                                   "tenon has a %s-%s: take another name", kind,
                                   name);
    return TENON_OK;
}

/* hello.c and hello-test.c: no name makes one of the two. */
static char *
own_name(const char *path, const char *name)
{
    if (!strcmp(path, "plugin.c"))
        return tenon_asprintf("%s.c", name);
    if (!strcmp(path, "test.c"))
        return tenon_asprintf("%s-test.c", name);
    return tenon_strdup(path);
}

/* What is there already is nobody's to be overwritten. */
static int
write_new(int dirfd, const char *name, const char *content, mode_t mode, struct tenon_error *err)
{
    auto_close int fd =
        openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd < 0)
        return tenon_error_sys(err, "create %s", name);
    if (tenon_write_all(fd, content, strlen(content), err) < 0)
        return err->code;
    if (fchmod(fd, mode) < 0 || close(tenon_steal_fd(&fd)) < 0)
        return tenon_error_sys(err, "write %s", name);
    return TENON_OK;
}

static int
write_one(int dirfd, const char *path, const char *text, const char *kind,
          const char *name, struct tenon_error *err)
{
    const bool script = !strcmp(path, "debian/rules");
    auto_free char *own = own_name(path, name);
    auto_free char *content = filled(text, kind, name);
    const char *slash = strrchr(own, '/');
    auto_free char *parent =
        slash ? tenon_strndup(own, (size_t)(slash - own)) : NULL;
    if (parent && tenon_mkdir_p(dirfd, parent, cli_result_mode(0777), err) < 0)
        return err->code;
    auto_close int at =
        parent ? openat(dirfd, parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (parent && at < 0)
        return tenon_error_sys(err, "open %s", parent);
    return write_new(parent ? at : dirfd, slash ? slash + 1 : own, content,
                     cli_result_mode(script ? 0777 : 0666), err);
}

int
cli_plugin_new(const char *kind, const char *name, const char *dir,
               struct tenon_error *err)
{
    char **there = NULL;
    if (check_words(kind, name, err) < 0)
        return err->code;
    if (tenon_mkdir_p(AT_FDCWD, dir, cli_result_mode(0777), err) < 0)
        return err->code;
    auto_close int dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dirfd < 0)
        return tenon_error_sys(err, "open %s", dir);
    if (tenon_dir_names(dirfd, &there, err) < 0)
        return err->code;
    const bool empty = tenon_strv_len(there) == 0;
    tenon_strv_free(there);
    if (!empty)
        return tenon_error_set(err, TENON_E_INVALID, "%s is not empty", dir);
    for (size_t i = 0; i < tenon_countof(files); i++) {
        const char *slash = strchr(files[i].path, '/');
        auto_free char *of =
            tenon_strndup(files[i].path, (size_t)(slash - files[i].path));
        if (strcmp(of, "all") && strcmp(of, kind))
            continue;
        if (write_one(dirfd, slash + 1, files[i].text, kind, name, err) < 0)
            return tenon_error_context(err, "write %s/%s", dir, slash + 1);
    }
    return TENON_OK;
}
