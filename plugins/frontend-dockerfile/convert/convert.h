/* convert/convert.h - one build file for one platform, while it becomes a graph.
 *
 * The order of work is BuildKit's: stages are registered (stages.c), the
 * target found, dependencies found, base images resolved until ONBUILD
 * triggers bring nothing new (resolve.c), and then each wanted stage is
 * dispatched, instruction by instruction (dispatch*.c). */
#ifndef DF_CONVERT_H
#define DF_CONVERT_H

#include "build.h"
#include "image.h"
#include "vars.h"
#include "vertex.h"

struct df_state;

/* ---- what the outline subrequest tells (outline.c) ---- */

struct df_arg_info {
    const char *key, *value, *description;
    struct df_lines lines;
    const char **deps; /* arguments its value was made of */
    size_t deps_len;
};
struct df_need_info { /* a secret or an ssh agent */
    const char *id;
    bool required;
    struct df_lines lines;
};
struct df_outline {
    struct df_arg_info *args; /* by key, each once */
    size_t args_len, args_cap;
    struct df_list used; /* names of arguments */
    struct df_index args_index, used_index;
    struct df_need_info *secrets, *ssh;
    size_t secrets_len, secrets_cap, ssh_len, ssh_cap;
};
void df_outline_clone(struct df_arena *a, const struct df_outline *src,
                      struct df_outline *out);
void df_outline_arg(struct df_arena *a, struct df_outline *o,
                    const struct df_arg_info *info);
void df_outline_use(struct df_arena *a, struct df_outline *o, const char *arg);
const struct df_arg_info *df_outline_find(const struct df_outline *o,
                                          const char *key);
/* The first one of an id counts. */
void df_outline_need(struct df_arena *a, struct df_outline *o, bool ssh,
                     const struct df_need_info *info);

/* ---- stages ---- */

struct df_step { /* an instruction of a stage, with what it takes from others */
    const struct df_command *cmd;
    struct df_state **sources; /* COPY: one or none; RUN: one a mount */
    size_t sources_len;
    bool onbuild;
};
struct df_dep {
    struct df_state *state;
    struct df_lines lines; /* of the last instruction that needs it */
};
struct df_used_once { /* CMD, ENTRYPOINT, HEALTHCHECK */
    bool set;
    struct df_lines lines;
};

struct df_named; /* a named context; named.h */

struct df_state {
    /* What it is.  Those that stand for an image named in --from have no
     * stage of the file. */
    const struct df_stage *stage; /* or NULL */
    const char *name;       /* lower case; "" */
    const char *base_name;  /* expanded, later pinned */
    const char *stage_name; /* as progress shows it: "stage-1"; "" */
    const char *code;       /* the FROM line, or "" */
    struct df_lines lines;
    struct df_lines mounted_at; /* of an image that only a mount names */
    struct df_lint_config checks;
    bool unregistered;
    struct df_state *base;
    struct df_named *named;
    struct df_dep *deps;
    size_t deps_len, deps_cap;
    struct df_state *needed_by; /* the last one, which has it at deps[needed_at] */
    size_t needed_at;
    struct df_step *steps;
    size_t steps_len;

    /* How far it is. */
    bool resolved, dispatched, onbuild_done, visiting, visited, reachable;
    bool ignore_cache;

    /* The image and the tree so far. */
    const struct df_platform *platform; /* or NULL: the target's */
    struct df_image image;
    const struct df_image *base_image; /* as it came, or NULL */
    struct df_vertex *tree; /* NULL: scratch */
    struct df_vars env;
    const char *dir, *user;
    struct df_pairs build_args; /* those declared, each once, in the order of
                                 * the first time; value may be NULL */
    struct df_index build_args_index;
    size_t build_args_cap;
    bool workdir_set;
    struct df_used_once cmd, entrypoint, healthcheck;
    struct df_paths context_paths; /* of the build context */
    struct df_paths *paths;        /* of this tree; shared with the base */

    /* Progress. */
    unsigned step_index, step_total;
    bool step_onbuild;
    struct df_outline outline;
};

/* Fire rules only for the first platform. */
struct df_convert {
    struct df_build *build;
    struct df_arena *arena;
    const struct df_platform *platform; /* the target's */
    bool implicit; /* nobody asked for it: an image's own may be taken */
    bool all_stages;
    struct df_plan plan;
    struct df_linter lint;
    const struct df_instructions *file;
    struct df_vars globals;
    const char *epoch; /* RFC 3339, or NULL */
    int64_t epoch_ns;
    const char *epoch_text; /* decimal seconds */
    const char *source_epoch; /* the value that is seen as SOURCE_DATE_EPOCH */
    bool source_epoch_given;  /* as a build argument */
    struct df_outline outline; /* of the global scope */
    struct df_state **states;
    size_t states_len, states_cap;
    struct df_index names; /* of states; the last one of a name */
    struct df_state *target;
    struct df_vertex *context; /* the build context; maybe planned only */
    const struct tenon_patterns *ignore; /* of .dockerignore, or NULL */
    bool ignore_has_exceptions;
    bool ignore_all_root;
};

/* Everything up to the image of the target.  Needs build, arena, platform,
 * implicit, all_stages and lint.warn set, the rest zeroed.  c->ignore is to be
 * released by df_convert_release(). */
int df_convert(struct df_convert *c, struct tenon_error *err);
/* Shows what a linter found as a warning of the build; data is its df_build (finding.c). */
df_lint_warn_fn df_show_finding;
void df_convert_release(struct df_convert *c);

/* ---- meta.c ---- */

/* The value of a build argument as the user gave it, or NULL. */
const char *df_convert_build_arg(const struct df_convert *c, const char *name);
int df_meta_args(struct df_convert *c, struct tenon_error *err);
/* The same with the defaults only, into *out; false when one is malformed. */
bool df_meta_default_args(struct df_convert *c, struct df_vars *out);
bool df_arg_is_predefined(const char *name);

/* ---- epoch.c ---- */
int df_epoch_resolve(struct df_convert *c, struct tenon_error *err);

/* ---- stages.c ---- */
int df_stages_register(struct df_convert *c, struct tenon_error *err);
int df_stages_target(struct df_convert *c, struct tenon_error *err);
int df_stages_depend(struct df_convert *c, struct tenon_error *err);
int df_step_make(struct df_convert *c, const struct df_command *cmd,
                 struct df_step *out, struct tenon_error *err);
void df_state_need(struct df_convert *c, struct df_state *s,
                   const struct df_step *step);
/* Take over image and tree of the base. */
void df_state_inherit(struct df_convert *c, struct df_state *s);
/* Names of all stages, NULL-terminated; followed by `more`. */
const char *const *df_stage_names(struct df_convert *c,
                                  const char *const *more);

/* ---- resolve.c ---- */
int df_stages_resolve(struct df_convert *c, struct tenon_error *err);

/* ---- dispatch.c and its family; each gets the expanded instruction ---- */
int df_stages_dispatch(struct df_convert *c, struct tenon_error *err);

struct df_dispatch {
    struct df_convert *c;
    struct df_state *s;
    const struct df_step *step;
    const struct df_command *cmd; /* expanded */
    struct tenon_error *err;
};
/* Fire a rule at the instruction. */
void df_dispatch_lint(const struct df_dispatch *d, enum df_rule rule,
                      const char *message);
/* Expand one word in the environment of the stage; for struct df_expander. */
const char *df_dispatch_expand(void *dispatch, const char *word,
                               const char **message);
void df_dispatch_unmatched(const struct df_dispatch *d,
                           const struct df_names *names);
int df_dispatch_fail(const struct df_dispatch *d, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void df_dispatch_commit(const struct df_dispatch *d, const char *text,
                        bool layer);
/* The platform of the stage. */
const struct df_platform *df_state_platform(const struct df_convert *c,
                                            const struct df_state *s);

int df_dispatch_run(struct df_dispatch *d);
int df_dispatch_mounts(struct df_dispatch *d, struct df_vertex *exec,
                       const struct df_mount *mounts, size_t count,
                       struct df_list *ssh_targets);
int df_dispatch_copy(struct df_dispatch *d); /* and ADD */
int df_dispatch_env(struct df_dispatch *d);
int df_dispatch_label(struct df_dispatch *d);
int df_dispatch_arg(struct df_dispatch *d);
int df_dispatch_workdir(struct df_dispatch *d);
/* The WORKDIR of a base image. */
void df_state_workdir(struct df_convert *c, struct df_state *s,
                      const char *path);
int df_dispatch_config(struct df_dispatch *d); /* all others */

/* ---- name.c: what progress shows ---- */

/* "[stage 2/3] text"; counts the step. */
const char *df_step_name(struct df_convert *c, struct df_state *s,
                         const char *text, const struct df_platform *platform,
                         const struct df_vars *env);
/* The instruction with its variables replaced, its keyword in capitals. */
const char *df_step_text(struct df_convert *c, const char *code,
                         const struct df_vars *env, unsigned word_flags);

/* ---- scans.c ---- */

/* Is it one of the arguments that say what scanners see?  They reach no environment. */
bool df_scans_is_arg(const char *name);
/* The build context and the stages that they name, beside the platform's result. */
int df_scans_add(struct df_convert *c, struct tenon_result *result, const char *platform,
                 struct tenon_error *err);

/* ---- lintrules.c ---- */
void df_lint_default_bases(struct df_convert *c, struct tenon_error *err);
void df_lint_from_args(struct df_convert *c, const struct df_stage *stage,
                       const struct df_names *unmatched);
void df_lint_platform(struct df_convert *c, const struct df_stage *stage,
                      const struct df_word *word);
void df_lint_base_platform(struct df_convert *c, const struct df_state *s,
                           const char *name, const struct df_platform *want);
void df_lint_ignored_source(const struct df_dispatch *d, const char *src);
void df_lint_once(const struct df_dispatch *d, struct df_used_once *used);
void df_lint_secret_key(const struct df_dispatch *d, const char *instruction,
                        const char *key);

#endif
