/* language/instructions.h - what a build file says, typed: stages and their commands.
 *
 * All is immutable and belongs to the arena of the parse, so one parsed file
 * may be turned into several graphs (one per platform); df_command_expand()
 * gives a copy. */
#ifndef DF_INSTRUCTIONS_H
#define DF_INSTRUCTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lint.h"
#include "parser.h"

enum df_kind {
    DF_ADD,
    DF_ARG,
    DF_CMD,
    DF_COPY,
    DF_ENTRYPOINT,
    DF_ENV,
    DF_EXPOSE,
    DF_FROM, /* becomes a stage, never a command */
    DF_HEALTHCHECK,
    DF_LABEL,
    DF_MAINTAINER,
    DF_ONBUILD,
    DF_RUN,
    DF_SHELL,
    DF_STOPSIGNAL,
    DF_USER,
    DF_VOLUME,
    DF_WORKDIR,
};

struct df_strings {
    char *const *items; /* not NULL-terminated */
    size_t len;
};

struct df_pair {
    const char *key;
    const char *value; /* ARG without a default: NULL */
    const char *comment; /* ARG: its description, or NULL */
    const char *word;    /* of a mount: the key as it was written */
};
struct df_pairs {
    struct df_pair *items;
    size_t len;
};

/* A here-document as a source of COPY or ADD. */
struct df_source_content {
    const char *path; /* its file name */
    const char *data; /* already chomped */
    size_t len;
    bool expand;
};

/* ADD and COPY. */
struct df_copy {
    struct df_strings sources; /* the paths, here-documents not among them */
    const struct df_source_content *contents;
    size_t contents_len;
    const char *dest;
    const char *from;     /* COPY only; "" when not given */
    const char *chown;    /* "" when not given, as the following */
    const char *chmod;
    const char *checksum; /* ADD only */
    struct df_strings exclude;
    bool link, parents;
    /* ADD only; -1 when the flag was not given, else 0 or 1. */
    int keep_git_dir, unpack;
};

/* A command in shell or in exec form. */
struct df_cmdline {
    struct df_strings args; /* shell form: exactly one, the text */
    bool shell;             /* put SHELL in front */
    const struct df_heredoc *files; /* RUN only */
    size_t files_len;
};

enum df_mount_type {
    DF_MOUNT_BIND,
    DF_MOUNT_CACHE,
    DF_MOUNT_TMPFS,
    DF_MOUNT_SECRET,
    DF_MOUNT_SSH,
    DF_MOUNT_OTHER, /* type and keys only */
};
enum df_sharing {
    DF_SHARING_DEFAULT, /* not given: shared */
    DF_SHARING_SHARED,
    DF_SHARING_PRIVATE,
    DF_SHARING_LOCKED,
};

/* One --mount, its values expanded. */
struct df_mount {
    enum df_mount_type type;
    const char *type_name; /* lower case */
    const char *from;      /* "" when not given, as the following */
    const char *source;
    const char *target;
    const char *id;
    const char *env; /* secret; NULL when not given */
    enum df_sharing sharing;
    bool read_only, required;
    int64_t size_bytes;     /* tmpfs; 0 when not given */
    int64_t mode, uid, gid; /* -1 when not given */
    /* Everything as written: keys in lower case, values expanded (NULL when
     * there was no '=').  For types that are not ours. */
    struct df_pairs keys;
};

struct df_device {
    const char *name;
    bool required;
};

struct df_run {
    struct df_cmdline line;
    struct df_strings mount_texts; /* see df_run_mounts() */
    struct df_strings device_texts; /* see df_device_parse() */
    const char *network;  /* "default", "none", "host", or with variables */
    const char *security; /* "sandbox", "insecure", or with variables */
};

struct df_healthcheck {
    struct df_strings test; /* "NONE"; "CMD", ...; "CMD-SHELL", text */
    int64_t interval_ns, timeout_ns, start_period_ns, start_interval_ns;
    int retries;
};

struct df_command {
    enum df_kind kind;
    const char *name; /* the keyword as written */
    const char *code; /* the logical line, trimmed; for history and progress */
    bool legacy_pair; /* ENV or LABEL as "key rest of line" */
    struct df_lines lines;
    char *const *comments; /* the block right above */
    size_t comments_len;
    /* What "# check=..." right above it says; zero when nothing. */
    struct df_lint_config checks;
    union {
        struct df_copy copy;             /* ADD, COPY */
        struct df_pairs pairs;           /* ARG, ENV, LABEL */
        struct df_cmdline line;          /* CMD, ENTRYPOINT */
        struct df_strings words;         /* EXPOSE (sorted), SHELL, VOLUME */
        struct df_healthcheck health;
        const char *text;  /* MAINTAINER, STOPSIGNAL, USER, WORKDIR; ONBUILD:
                            * the trigger with its here-documents */
        struct df_run run;
    };
};

struct df_stage {
    const char *name;     /* lower case; "" when it has none */
    const char *base;     /* as written, not expanded */
    const char *platform; /* --platform as written; "" */
    const char *keyword;  /* "FROM" as written */
    const char *code;
    const char *comment;  /* its description; "" */
    char *const *comments;
    size_t comments_len;
    struct df_lint_config checks; /* holds for the whole stage */
    struct df_lines lines;
    const struct df_command *const *commands;
    size_t len;
};

struct df_instructions {
    const struct df_stage *stages;
    size_t stages_len;
    const struct df_command *const *meta_args; /* ARG before the first FROM */
    size_t meta_args_len;
    char escape;
};

/* Type all nodes of a file.  Fires the first group of enum df_rule at `lint`
 * (may be NULL), up to the first problem.  NULL when there are problems, those
 * that were in the list before among them; the message of errors inside an
 * instruction starts with "dockerfile parse error on line N: ". */
const struct df_instructions *df_instructions_parse(struct df_arena *a,
                                                    const struct df_file *file,
                                                    struct df_linter *lint,
                                                    struct df_problems *problems);

/* One trigger of ONBUILD, from an image's config.  `lines` is what the
 * problems and the command are said to be at. */
const struct df_command *df_trigger_parse(struct df_arena *a, const char *text,
                                          struct df_lines lines,
                                          struct df_problems *problems);

/* Expand one word; NULL with *message on error.  The result stays the
 * arena's or data's. */
struct df_expander {
    const char *(*expand)(void *data, const char *word, const char **message);
    void *data;
};

/* The command with variables replaced in the parts that allow it: ADD and COPY
 * (paths, chown, chmod, checksum, exclude), ARG, ENV, LABEL, RUN's --network and
 * --security, STOPSIGNAL, USER, VOLUME, WORKDIR; all other kinds give cmd
 * itself.  EXPOSE splits words after expansion, here-documents and mounts have
 * rules of their own: those are the caller's.  Fails for "COPY --from=$x".
 * NULL with a problem on error. */
const struct df_command *df_command_expand(struct df_arena *a,
                                           const struct df_command *cmd,
                                           const struct df_expander *expander,
                                           struct df_problems *problems);

/* What is wrong with a command whatever its variables are; to report more than the first
 * error of a file. */
void df_command_check(struct df_arena *a, const struct df_command *cmd,
                      char escape, struct df_problems *problems);

/* The --mount flags of a RUN, each value expanded.  With expander == NULL only
 * what can be judged before expansion is checked (df_instructions_parse() has
 * done so).  False with a problem. */
bool df_run_mounts(struct df_arena *a, const struct df_command *run,
                   const struct df_expander *expander, struct df_mount **out,
                   size_t *count, struct df_problems *problems);
/* What BuildKit says of a type nobody knows: "unsupported mount type ..." with
 * a suggestion. */
const char *df_mount_type_unknown(struct df_arena *a, const char *type);

/* What BuildKit says of variables in "COPY --from=" or NULL when there are
 * none; to be asked before the stage is looked for. */
const char *df_copy_from_problem(const char *from);

bool df_device_parse(struct df_arena *a, const char *text,
                     struct df_device *out, const char **message);

/* The ports of an EXPOSE after expansion, as the image config has them
 * ("80/tcp"), ranges unrolled, in the order given and with duplicates (history
 * shows them so).  Fires the two rules on EXPOSE.  False with *message:
 * "invalid containerPort: http". */
bool df_ports_parse(struct df_arena *a, const struct df_command *expose,
                    char *const *words, size_t count, struct df_linter *lint,
                    const struct df_lint_config *stage_checks,
                    struct df_strings *out, const char **message);

const char *df_kind_name(enum df_kind kind); /* "ENTRYPOINT" */

#endif
