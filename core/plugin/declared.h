/* plugin/declared.h - names that plugins declare to be theirs: schemes of sources, "# syntax=" and
 * files of frontends.  Two that declare the same are a conflict, which is told and never decided
 * here.  Any thread. */
#ifndef TENON_PLUGIN_DECLARED_H
#define TENON_PLUGIN_DECLARED_H

#include "plugin/plugins.h"

/* The frontend that declares a value of "# syntax=", or the name of a build file; *out is NULL
 * where none does.  INVALID: several do. */
int tenon_declared_syntax(struct tenon_plugins *p, const char *syntax, const char **out,
                          struct tenon_error *err);
int tenon_declared_file(struct tenon_plugins *p, const char *file, const char **out,
                        struct tenon_error *err);
/* The one default build file of frontends that there is in a directory, or NULL. */
int tenon_declared_default(struct tenon_plugins *p, const char *dir, const char **out,
                           struct tenon_error *err);
/* The source that serves a scheme: those whose name the scheme ends with are asked first, then
 * all.  *out is NULL where none does; INVALID: several do. */
int tenon_declared_scheme(struct tenon_plugins *p, const char *scheme, const char **out,
                          struct tenon_error *err);
/* The same, opened; NOT_FOUND names the package where there is one. */
int tenon_declared_source(struct tenon_plugins *p, const char *scheme, struct tenon_module **out,
                          struct tenon_error *err);

/* Each that two plugins declare, as an error would say it. */
void tenon_declared_conflicts(struct tenon_plugins *p, void (*tell)(void *data, const char *text),
                              void *data);

#endif
