/* registry/check.h - how far one gets with a registry, and what helps where it stops. */
#ifndef TENON_REGISTRY_CHECK_H
#define TENON_REGISTRY_CHECK_H

#include "registry/registry.h"

enum tenon_check_outcome {
    TENON_CHECK_GOOD,
    TENON_CHECK_BAD,   /* here it stops */
    TENON_CHECK_NOTED, /* it does not matter, or was not tried */
};
struct tenon_check_finding {
    const char *step; /* "dns", "tcp", "tls", "ping", "auth", "pull", "push", "mount" */
    enum tenon_check_outcome outcome;
    const char *text, *hint; /* hint: or NULL */
};
typedef void tenon_check_report(void *data, const struct tenon_check_finding *f);

/* where: HOST[:PORT][/REPOSITORY].  Without a repository rights are not looked at.  Nothing stays
 * in the registry.  1: all is well, 0: it is not; negative when where means nothing. */
int tenon_registry_check(struct tenon_registry *r, const struct tenon_registry_call *call,
                         const char *where, tenon_check_report *report, void *data,
                         struct tenon_error *err);

#endif
