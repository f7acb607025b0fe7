/* convert/convert.c - from the text of a build file to the image of its target. */
#include "convert.h"

#include <string.h>

#include "language/word.h"
#include "load.h"
#include "tools/alloc.h"
#include "tools/parse.h"
#include "tools/pattern.h"

static int
parse_file(struct df_convert *c, struct tenon_error *err)
{
    struct df_build *b = c->build;
    struct df_problems problems = {0};
    const char *why = NULL;

    if (b->config.lint_given) {
        c->lint.config = b->config.lint;
    } else {
        struct df_directive check;
        if (df_directive_find(c->arena, b->text, b->text_len, "check", &check) &&
            !df_lint_config_parse(c->arena, check.cmdline, &c->lint.config, &why))
            return df_fail(b, err, (struct df_lines){0},
                           "failed to parse check options: %s", why);
    }
    if (!b->text_len)
        return df_fail(b, err, (struct df_lines){0},
                       "the Dockerfile cannot be empty");
    const struct df_file *file =
        df_file_read(c->arena, b->text, b->text_len, &problems);
    c->file = df_instructions_parse(c->arena, file, &c->lint, &problems);
    if (!c->file)
        return df_fail_problem(b, err, &problems);
    if (!c->file->stages_len)
        return df_fail(b, err, (struct df_lines){0},
                       "dockerfile contains no stages to build");
    return 0;
}

static int
read_ignore(struct df_convert *c, const struct df_list **lines,
            struct tenon_error *err)
{
    const char *bad = NULL;
    int rc = df_load_ignore(c->build, lines, err);
    if (rc < 0)
        return rc;
    const struct df_list *l = *lines;
    if (!l->len)
        return 0;
    c->ignore = tenon_patterns_compile((const char *const *)l->items, l->len, &bad);
    if (!c->ignore)
        return df_fail(c->build, err, (struct df_lines){0},
                       "failed to parse ignore file: syntax error in pattern %s",
                       df_quote(c->arena, bad));
    for (size_t i = 0; i < l->len; i++) {
        const char *p = l->items[i];
        c->ignore_has_exceptions |= *p == '!';
        c->ignore_all_root |= strcmp(p, "*") == 0 || strcmp(p, "**") == 0 ||
                              strcmp(p, "**/*") == 0;
    }
    return 0;
}

/* The target's configuration gets what the user gave, and its platform. */
static void
finish_image(struct df_convert *c)
{
    struct df_image *img = &c->target->image;
    struct df_pairs labels = c->build->config.labels;
    for (size_t i = 0; i < labels.len; i++)
        df_image_set_label(c->arena, img, labels.items[i].key,
                           labels.items[i].value);
    if (!c->implicit) {
        const struct df_platform *p = c->platform;
        bool same = strcmp(p->os, img->platform.os) == 0 &&
                    strcmp(p->arch, img->platform.arch) == 0;
        img->platform.os = p->os;
        img->platform.arch = p->arch;
        if (*p->variant || !same)
            img->platform.variant = p->variant;
        if (*p->os_version || !same)
            img->platform.os_version = p->os_version;
    }
    img->platform = *df_platform_normalize(c->arena, &img->platform);
}

/* A build stops at its first error; what else is wrong with the file is said with
 * it, as far as that can be told without variables. */
static void
add_further(struct df_convert *c, struct tenon_error *err)
{
    const struct df_instructions *f = c->file;
    const size_t here = c->build->shown_lines.first;
    struct df_problems all = {0}, other = {0};
    if (!f || !df_work_left(c->arena)) /* nothing more can be said about words then */
        return;
    for (size_t i = 0; i < f->meta_args_len; i++)
        df_command_check(c->arena, f->meta_args[i], f->escape, &all);
    for (size_t i = 0; i < f->stages_len; i++)
        for (size_t k = 0; k < f->stages[i].len; k++)
            df_command_check(c->arena, f->stages[i].commands[k], f->escape, &all);
    for (size_t i = 0; i < all.len; i++)
        if (all.items[i].lines.first != here)
            df_problem_add(c->arena, &other, all.items[i].lines, "%s",
                           all.items[i].message);
    df_fail_further(c->build, err, &other);
}

static int
convert(struct df_convert *c, struct tenon_error *err)
{
    const struct df_list *exclude = NULL;
    struct df_paths *used = df_arena_new(c->arena, struct df_paths);
    c->plan.build = c->build;

    int rc = parse_file(c, err);
    if (rc < 0)
        return rc;
    df_lint_default_bases(c, err);
    if ((rc = df_meta_args(c, err)) < 0 || (rc = df_epoch_resolve(c, err)) < 0 ||
        (rc = df_stages_register(c, err)) < 0 ||
        (rc = df_stages_target(c, err)) < 0 ||
        (rc = df_stages_depend(c, err)) < 0)
        return rc;

    /* Planned before its users; its paths are filled in below. */
    rc = read_ignore(c, &exclude, err);
    if (rc == 0)
        rc = df_load_context(&c->plan, used, exclude, &c->context, err);
    if (rc == 0)
        rc = df_stages_resolve(c, err);
    if (rc == 0)
        rc = df_stages_dispatch(c, err);
    if (rc < 0)
        return rc;

    for (size_t i = 0; i < c->states_len; i++)
        for (size_t k = 0; k < c->states[i]->context_paths.list.len; k++)
            df_paths_add(c->arena, used,
                         c->states[i]->context_paths.list.items[k]);
    df_paths_add(c->arena, c->target->paths, "/");
    finish_image(c);
    const char *lint = df_lint_error(c->arena, &c->lint);
    return lint ? df_fail(c->build, err, (struct df_lines){0}, "%s", lint) : 0;
}

int
df_convert(struct df_convert *c, struct tenon_error *err)
{
    c->build->fail_lines = c->build->shown_lines = (struct df_lines){0};
    int rc = convert(c, err);
    if (rc < 0 && rc != TENON_E_CANCELLED)
        add_further(c, err);
    return rc;
}

void
df_convert_release(struct df_convert *c)
{
    tenon_patterns_free((struct tenon_patterns *)c->ignore);
    c->ignore = NULL;
}
