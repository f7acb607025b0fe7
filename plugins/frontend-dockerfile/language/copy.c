/* language/copy.c - ADD and COPY. */
#include <string.h>

#include "commands.h"
#include "language.h"

enum {
    CHOWN,
    CHMOD,
    LINK,
    EXCLUDE,
    /* COPY only */
    FROM,
    PARENTS,
    COPY_FLAGS,
    /* ADD only */
    KEEP_GIT_DIR = FROM,
    CHECKSUM,
    UNPACK,
    ADD_FLAGS,
};

static const char *
split_sources(const struct df_request *r, const char *name, struct df_copy *out)
{
    const struct df_node *n = r->node;
    struct df_arena *a = r->arena;
    struct df_heredoc doc;
    struct df_list paths = {0};

    out->dest = n->args[n->args_len - 1];
    if (strstr(out->dest, "<<") && df_heredoc_from_word(a, out->dest, &doc))
        return df_arena_printf(a, "%s cannot accept a heredoc as a destination",
                               name);

    size_t most = 0;
    for (size_t i = 0; i + 1 < n->args_len; i++)
        most += strstr(n->args[i], "<<") != NULL;
    struct df_source_content *contents =
        df_arena_array(a, most, sizeof *contents);
    for (size_t i = 0; i + 1 < n->args_len; i++) {
        char *arg = n->args[i];
        if (!strstr(arg, "<<") || !df_heredoc_from_word(a, arg, &doc)) {
            df_list_add(a, &paths, arg);
            continue;
        }
        struct df_source_content c = {
            .path = doc.name, .data = "", .expand = doc.expand};
        /* The last of that name counts, for all that are called so. */
        for (size_t k = n->heredocs_len; k-- > 0;) {
            if (strcmp(n->heredocs[k].name, doc.name) != 0)
                continue;
            c.data = n->heredocs[k].content;
            c.len = n->heredocs[k].len;
            break;
        }
        if (doc.chomp)
            c.data = df_heredoc_chomp(a, c.data, &c.len);
        contents[out->contents_len++] = c;
    }
    out->contents = contents;
    out->sources = (struct df_strings){paths.items, paths.len};
    return NULL;
}

static bool
is_true(const struct df_flag *f)
{
    return strcmp(f->value, "true") == 0;
}

const char *
df_parse_copy(const struct df_request *r, struct df_command *out)
{
    bool add = out->kind == DF_ADD;
    const char *name = add ? "ADD" : "COPY", *error;
    struct df_flag flags[ADD_FLAGS] = {
        [CHOWN] = {"chown", DF_FLAG_STRING, "", {0}, false},
        [CHMOD] = {"chmod", DF_FLAG_STRING, "", {0}, false},
        [LINK] = {"link", DF_FLAG_BOOL, "false", {0}, false},
        [EXCLUDE] = {"exclude", DF_FLAG_STRINGS, NULL, {0}, false},
    };
    if (add) {
        flags[KEEP_GIT_DIR] = (struct df_flag){
            "keep-git-dir", DF_FLAG_BOOL, "false", {0}, false};
        flags[CHECKSUM] =
            (struct df_flag){"checksum", DF_FLAG_STRING, "", {0}, false};
        flags[UNPACK] =
            (struct df_flag){"unpack", DF_FLAG_BOOL, "false", {0}, false};
    } else {
        flags[FROM] = (struct df_flag){"from", DF_FLAG_STRING, "", {0}, false};
        flags[PARENTS] =
            (struct df_flag){"parents", DF_FLAG_BOOL, "false", {0}, false};
    }

    if (r->node->args_len < 2)
        return df_arena_printf(
            r->arena,
            "%s requires at least two arguments, but only one was provided. "
            "Destination could not be determined", name);
    error = df_flags_parse(r->arena, r->node, flags,
                           add ? (size_t)ADD_FLAGS : (size_t)COPY_FLAGS);
    if (error)
        return error;

    struct df_copy c = {
        .from = add ? "" : flags[FROM].value,
        .chown = flags[CHOWN].value,
        .chmod = flags[CHMOD].value,
        .checksum = add ? flags[CHECKSUM].value : "",
        .exclude = {flags[EXCLUDE].values.items, flags[EXCLUDE].values.len},
        .link = is_true(&flags[LINK]),
        .parents = !add && is_true(&flags[PARENTS]),
        .keep_git_dir = add && flags[KEEP_GIT_DIR].used ?
                            is_true(&flags[KEEP_GIT_DIR]) : -1,
        .unpack = add && flags[UNPACK].used ? is_true(&flags[UNPACK]) : -1,
    };
    error = split_sources(r, name, &c);
    if (error)
        return error;
    out->copy = c;
    return NULL;
}

const char *
df_copy_from_problem(const char *from)
{
    const char *dollar = strchr(from, '$');
    if (!dollar || !dollar[1])
        return NULL;
    return "variable expansion is not supported for --from, define a new stage "
           "with FROM using ARG from global scope as a workaround";
}
