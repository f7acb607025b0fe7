/* plugin/plugins.h - finding, checking and opening plugins; their options.
 *
 * docs/plugins.md.  Discovery costs one directory listing; a module is opened when first
 * needed and never unloaded.  A process that enters a user namespace calls
 * tenon_plugins_vet before it does.  Any thread. */
#ifndef TENON_PLUGIN_PLUGINS_H
#define TENON_PLUGIN_PLUGINS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/json.h"
#include "tenon-plugin.h"

struct tenon_plugins;

struct tenon_plugins_options {
    const char *const *dirs;   /* --plugin-dir, absolute */
    const char *env_path;      /* TENON_PLUGIN_PATH or NULL */
    const char *const *config_dirs; /* of the configuration, absolute; NULL: none */
    const char *builtin_dir;   /* compiled in */
    struct json_object *config; /* {"KIND-NAME": {option: value}} or NULL; borrowed */
    const struct tenon_host *host; /* table given to init (per kind copies are made) */
};
int tenon_plugins_new(const struct tenon_plugins_options *o,
                      struct tenon_plugins **out, struct tenon_error *err);
/* Check owners and modes of all files now, not when they are opened: for a process that
 * is about to enter a user namespace, where root's files and any stranger's look the
 * same.  One thread. */
void tenon_plugins_vet(struct tenon_plugins *p);
void tenon_plugins_free(struct tenon_plugins *p); /* fini of all that had init */

/* A loaded plugin: core's own zero-extended copy of what it declared, with
 * defaults filled in. */
struct tenon_module {
    struct tenon_plugin plugin; /* ops point at the core's full-size copies */
    void *self;
    char *path;
    const struct tenon_host *host;
};
/* Opens (once) and inits (once).  NOT_FOUND: message with the nearest name,
 * and "is the package tenon-plugin-KIND-NAME installed?" if there is one. */
int tenon_plugins_get(struct tenon_plugins *p, enum tenon_kind kind,
                      const char *name, struct tenon_module **out,
                      struct tenon_error *err);
/* The same without init, for help texts. */
int tenon_plugins_peek(struct tenon_plugins *p, enum tenon_kind kind,
                       const char *name, const struct tenon_plugin **out,
                       struct tenon_error *err);
struct tenon_plugin_file { /* what discovery found */
    enum tenon_kind kind;
    char *name, *path;
    bool shadowed;
    bool vetted;   /* by tenon_plugins_vet, */
    char *refused; /* and why not */
};
int tenon_plugins_list(struct tenon_plugins *p, const struct tenon_plugin_file **files,
                       size_t *count, struct tenon_error *err);
/* What lies where plugins are looked for, and is none: a file that ends in .so and has no name of a
 * plugin's, a directory of env_path or config_dirs that is not there, or of config_dirs that cannot
 * be read: a site's may be closed to this user. */
struct tenon_plugin_skipped {
    char *path, *why;
};
size_t tenon_plugins_skipped(const struct tenon_plugins *p,
                             const struct tenon_plugin_skipped **list);
/* A file of that name is there, which may yet be refused. */
bool tenon_plugins_has(struct tenon_plugins *p, enum tenon_kind kind, const char *name);
/* One of tenon's own, built or not: there may be a package of its name. */
bool tenon_plugin_is_bundled(enum tenon_kind kind, const char *name);
/* "is the package ... installed?" */
void tenon_plugins_hint_package(struct tenon_error *err, enum tenon_kind kind, const char *name);
const char *tenon_kind_name(enum tenon_kind kind); /* "frontend" */

/* Serial plugins get one call at a time: take around each op, whose name is a literal. */
void tenon_module_enter(struct tenon_module *m, const char *op);
void tenon_module_leave(struct tenon_module *m);
/* After an op, whose answer is 0 or negative: enforce "negative needs a message", codes within the
 * enum, a message that can be read.  `op` names it in the message.  Returns the code to use. */
int tenon_module_check(struct tenon_module *m, const char *op, int code,
                       struct tenon_error *err);

/* The one that an option of this name is of (of a MAP: one of its entries), or NULL. */
const struct tenon_param *tenon_param_find(const struct tenon_param *params, size_t stride,
                                           const char *name, size_t len);

/* ---- options ---------------------------------------------------------------
 * Parsed, checked and defaulted values of a declared array. */
struct tenon_values;
/* pairs: NULL-terminated "name=value" or bare "name".  Unknown names are
 * INVALID with the nearest known one.  `what` starts the messages ("mount type
 * secret").  cwd (for HOST_PATH) may be NULL: the process's. */
int tenon_values_parse(const struct tenon_param *params, size_t stride,
                       const char *const *pairs, const char *what,
                       struct tenon_values **out, struct tenon_error *err);
int tenon_values_from_json(const struct tenon_param *params, size_t stride,
                           struct json_object *o, const char *what,
                           struct tenon_values **out, struct tenon_error *err);
void tenon_values_free(struct tenon_values *v);
/* Once for each use: options that were given and are DEPRECATED. */
void tenon_values_warn(const struct tenon_values *v, const char *what);
TENON_DEFINE_AUTO(values, struct tenon_values *, tenon_values_free);
#define auto_values __attribute__((cleanup(tenon_auto_values)))
/* For the host table.  All but _declared() are for declared names alone. */
bool tenon_values_declared(const struct tenon_values *v, const char *name);
bool tenon_values_given(const struct tenon_values *v, const char *name);
const char *tenon_values_string(const struct tenon_values *v, const char *name);
const char *tenon_values_nth(const struct tenon_values *v, const char *name, size_t i);
int64_t tenon_values_int(const struct tenon_values *v, const char *name);
bool tenon_values_bool(const struct tenon_values *v, const char *name);
const char *tenon_values_map(const struct tenon_values *v, const char *name, size_t i,
                             const char **key);

#endif
