/* language/run.c - the instructions with a command line: RUN, CMD, ENTRYPOINT, SHELL. */
#include <string.h>

#include "commands.h"
#include "language.h"

enum { DEVICE, MOUNT, NETWORK, SECURITY, FLAGS };

static struct df_strings
args_from(const struct df_node *node, size_t first)
{
    return (struct df_strings){
        .items = node->args ? node->args + first : NULL,
        .len = node->args_len - first,
    };
}

static struct df_cmdline
cmdline(const struct df_node *n)
{
    return (struct df_cmdline){
        .args = args_from(n, 0),
        .shell = !n->json,
        .files = n->heredocs,
        .files_len = n->heredocs_len,
    };
}

const char *
df_parse_cmdline(const struct df_request *r, struct df_command *out)
{
    out->line = cmdline(r->node);
    return df_flags_parse(r->arena, r->node, NULL, 0);
}

const char *
df_parse_shell(const struct df_request *r, struct df_command *out)
{
    const char *error = df_flags_parse(r->arena, r->node, NULL, 0);
    if (error)
        return error;
    if (r->node->args_len == 0)
        return "SHELL requires at least one argument";
    if (!r->node->json)
        return "SHELL requires the arguments to be in JSON form";
    out->words = args_from(r->node, 0);
    return NULL;
}

/* A value with a variable in it is judged when the variable is known. */
static bool
is_one_of(const char *value, const char *const *list)
{
    const char *dollar = strchr(value, '$');
    if (dollar && dollar[1])
        return true;
    for (; *list; list++) {
        if (strcmp(value, *list) == 0)
            return true;
    }
    return false;
}

const char *
df_run_network_problem(struct df_arena *a, const char *value)
{
    static const char *const networks[] = {"default", "none", "host", NULL};
    return is_one_of(value, networks) ?
               NULL : df_arena_printf(a, "invalid network mode %s", df_quote(a, value));
}

const char *
df_run_security_problem(struct df_arena *a, const char *value)
{
    static const char *const modes[] = {"insecure", "sandbox", NULL};
    return is_one_of(value, modes) ?
               NULL : df_arena_printf(a, "security %s is not valid", df_quote(a, value));
}

const char *
df_parse_run(const struct df_request *r, struct df_command *out)
{
    struct df_arena *a = r->arena;
    struct df_flag flags[FLAGS] = {
        [DEVICE] = {"device", DF_FLAG_STRINGS, NULL, {0}, false},
        [MOUNT] = {"mount", DF_FLAG_STRINGS, NULL, {0}, false},
        [NETWORK] = {"network", DF_FLAG_STRING, "default", {0}, false},
        [SECURITY] = {"security", DF_FLAG_STRING, "sandbox", {0}, false},
    };
    const char *error = df_flags_parse(a, r->node, flags, FLAGS);
    if (error)
        return error;
    for (size_t i = 0; i < flags[DEVICE].values.len; i++) {
        struct df_device device;
        const char *text = flags[DEVICE].values.items[i];
        const char *dollar = strchr(text, '$');
        if (!(dollar && dollar[1]) && !df_device_parse(a, text, &device, &error))
            return error;
    }
    for (size_t i = 0; i < flags[MOUNT].values.len; i++) {
        if ((error = df_mount_precheck(a, flags[MOUNT].values.items[i])) != NULL)
            return error;
    }
    if ((error = df_run_network_problem(a, flags[NETWORK].value)) ||
        (error = df_run_security_problem(a, flags[SECURITY].value)))
        return error;
    out->run = (struct df_run){
        .line = cmdline(r->node),
        .mount_texts = {flags[MOUNT].values.items, flags[MOUNT].values.len},
        .device_texts = {flags[DEVICE].values.items, flags[DEVICE].values.len},
        .network = flags[NETWORK].value,
        .security = flags[SECURITY].value,
    };
    return NULL;
}
