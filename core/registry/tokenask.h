/* registry/tokenask.h - what a token of a registry is asked for with. */
#ifndef TENON_REGISTRY_TOKENASK_H
#define TENON_REGISTRY_TOKENASK_H

struct tenon_token_request {
    const char *host;            /* as users say it */
    const char *realm, *service; /* as the registry said; service may be NULL */
    const char *scopes;          /* with blanks between them */
};

#endif
