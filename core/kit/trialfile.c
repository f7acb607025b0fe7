/* kit/trialfile.c - the file, before anything of it runs. */
#include <string.h>

#include "kit/elffile.h"
#include "kit/private.h"
#include "plugin/module.h"
#include "tools/alloc.h"
#include "tools/buf.h"

/* RUNPATH: where the loader looks for libraries. What others may write there runs in a build. */
static void
check_search(struct tenon_trial *c, const char *search)
{
    bool relative = false;
    for (const char *p = search; p; p = strchr(p, ':') ? strchr(p, ':') + 1 : NULL)
        relative |= *p != '/' && strncmp(p, "$ORIGIN", 7) != 0 &&
                    strncmp(p, "${ORIGIN}", 9) != 0;
    if (!tenon_trial_that(
            c, !relative, TENON_TRIAL_FAILED,
            "library-path", "\"%s\" in its rpath depends on where tenon is called",
            search ? search : ""))
        return;
    tenon_trial_that(
        c, !search, TENON_TRIAL_WARNING,
        "no-library-path", "its rpath is \"%s\": libraries would better be where the loader looks",
        search ? search : "");
}

static void
check_symbols(struct tenon_trial *c, const struct tenon_elf *e)
{
    auto_buf struct tenon_buf others = TENON_BUF_INIT;
    auto_free char *wanted =
        tenon_asprintf("%s_%s_LTX_tenon_plugin_query",
                       c->kind ? tenon_kind_name(c->kind) : "KIND",
                       c->name ? c->name : "NAME");
    for (char *p = wanted; *p; p++)
        if (*p == '-')
            *p = '_';
    bool found = false;
    size_t count = 0;
    for (char **s = e->exports; s && *s; s++) {
        if (!strcmp(*s, wanted) || !strcmp(*s, "tenon_plugin_query"))
            found = true;
        else if (count++ < 5)
            tenon_buf_addf(&others, "%s%s", others.len ? ", " : "", *s);
    }
    tenon_trial_that(c, found, TENON_TRIAL_FAILED, "exports-its-symbol",
                     "it does not export %s (TENON_PLUGIN_EXPORT)", wanted);
    tenon_trial_that(
        c, count == 0, TENON_TRIAL_WARNING, "one-symbol",
        "it exports %zu symbols more (%s): compile with -fvisibility=hidden",
        count, tenon_buf_str(&others));
}

static void
check_libraries(struct tenon_trial *c, const struct tenon_elf *e)
{
    const char *own = NULL;
    for (char **n = e->needed; n && *n; n++)
        if (tenon_has_prefix(*n, "libtenon"))
            own = *n;
    tenon_trial_that(c, !own, TENON_TRIAL_FAILED, "no-libtenon",
                     "it is linked with %s; all of tenon comes by the host",
                     own ? own : "");
}

void
tenon_trial_file(struct tenon_trial *c)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_elf struct tenon_elf e = {0};

    bool plain = c->name && *c->name >= 'a' && *c->name <= 'z' &&
                 strspn(c->name, "abcdefghijklmnopqrstuvwxyz0123456789-") ==
                     strlen(c->name);
    tenon_trial_that(c, c->kind != 0, TENON_TRIAL_FAILED, "file-name-kind",
                     "\"%s\" is not KIND-NAME.so with a kind of plugin", c->file);
    tenon_trial_that(
        c, plain, TENON_TRIAL_FAILED, "file-name-letters",
        "\"%s\": in NAME are small letters, digits and hyphens, a letter first",
        c->file);
    bool vetted = tenon_module_vet(c->request->path, NULL, &err) == 0;
    tenon_trial_that(c, vetted, TENON_TRIAL_FAILED, "permissions", "%s",
                     err.message ? err.message : "");
    tenon_error_release(&err);

    bool read = tenon_elf_read(c->request->path, &e, &err) == 0;
    if (!tenon_trial_that(c, read, TENON_TRIAL_FAILED, "shared-object", "%s",
                          err.message ? err.message : ""))
        return;
    check_symbols(c, &e);
    check_libraries(c, &e);
    check_search(c, e.search);
    tenon_trial_that(
        c, !e.executable_stack, TENON_TRIAL_FAILED, "no-executable-stack",
        "its stack is executable, and so would tenon's be: -Wl,-z,noexecstack");
    tenon_trial_that(
        c, !e.text_relocations, TENON_TRIAL_FAILED, "position-independent",
        "its code is changed as it is loaded: compile all of it with -fPIC");
}
