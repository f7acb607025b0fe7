/* language/commands.h - one node to one typed command. Each function reads one instruction, and
 * returns NULL or what is wrong. */
#ifndef DF_COMMANDS_H
#define DF_COMMANDS_H

#include "instructions.h"

struct df_request {
    struct df_arena *arena;
    const struct df_node *node;
    struct df_linter *lint; /* may be NULL */
    struct df_lint_config checks;
};

typedef const char *df_command_fn(const struct df_request *r,
                                  struct df_command *out);

df_command_fn df_parse_copy;   /* ADD, COPY: copy.c */
df_command_fn df_parse_health; /* healthcheck.c */
df_command_fn df_parse_run;    /* run.c: RUN, CMD, ENTRYPOINT, SHELL */
df_command_fn df_parse_cmdline;
df_command_fn df_parse_shell;

#endif
