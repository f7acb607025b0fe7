/* registry/registry.h - the distribution protocol: manifests and blobs from and to
 * registries, into and out of the content store.  Source: the OCI distribution
 * spec 1.1; docker's token and oauth2 documents for authorization.
 *
 * Trusts no answer: sizes are limited, digests verified while bytes stream,
 * credentials go to the host they are for only.  Messages are worded as
 * BuildKit's (Go's) are, since scripts look for them. */
#ifndef TENON_REGISTRY_REGISTRY_H
#define TENON_REGISTRY_REGISTRY_H

#include "base/cancel.h"
#include "base/error.h"
#include "base/json.h"
#include "tools/buf.h"
#include "image/image.h"
#include "registry/tokenask.h"
#include "store/store.h"

struct tenon_registry; /* connections, tokens; any thread */

struct tenon_registry_options {
    struct tenon_store *store;
    struct json_object *config; /* tenon.json, its "registries" is read; borrowed */
    /* As tenon_session.credentials; NULL: anonymous always. */
    int (*credentials)(void *data, const char *where, char **user, char **secret,
                       struct tenon_error *err);
    /* As tenon_session.token; NULL: tokens are asked for here. */
    int (*token)(void *data, const struct tenon_token_request *what, char **token,
                 int64_t *seconds, struct tenon_error *err);
    void *data;
    uint64_t retry_ns;          /* first pause before trying again, and none is shorter;
                                 * 0: as config's "http" says */
    uint64_t patience_ns;       /* all pauses of one operation; 0: as it says */
    uint64_t (*now_ns)(void);   /* the clock that tokens go by; NULL: monotonic */
};
struct tenon_registry *tenon_registry_new(const struct tenon_registry_options *o);
void tenon_registry_free(struct tenon_registry *r);

/* One piece of work: what stops it, and where its progress goes. */
struct tenon_registry_call {
    struct tenon_cancel *cancel;
    /* A status line: bytes so far, total (0 unknown); may be NULL.  May be
     * called from threads of a push. */
    void (*status)(void *data, const char *id, int64_t current, int64_t total,
                   bool done);
    void *data;
    const struct tenon_lock_watch *watch; /* of a wait for another's pull of a blob, or NULL */
    bool insecure; /* --registry.insecure: do not verify TLS, http will do */
    bool hurry;    /* there is something else to go on with: no long wait for connections */
};

/* How a moving name is looked up (image.resolvemode). */
enum tenon_resolve_mode {
    TENON_RESOLVE_DEFAULT, /* the registry; when that does not have it, or cannot
                            * be reached, an image of this store by that name; when
                            * it cannot be reached, what the name stood for last */
    TENON_RESOLVE_PULL,    /* the registry */
    TENON_RESOLVE_LOCAL,   /* what the store knows, else the registry */
};

/* The manifest or index of ref, verified, kept in the content store, its text
 * in *data.  *desc members are malloc'ed (tenon_desc_release). */
int tenon_registry_manifest(struct tenon_registry *r,
                            const struct tenon_registry_call *call,
                            const char *ref, enum tenon_resolve_mode mode,
                            struct tenon_desc *desc, struct tenon_buf *data,
                            struct tenon_error *err);
/* Have a blob in the content store; size -1: unknown. */
int tenon_registry_blob(struct tenon_registry *r,
                        const struct tenon_registry_call *call, const char *ref,
                        const char *digest, int64_t size, struct tenon_error *err);
/* Push the image `digest` and all it refers to.  by_digest: leave the tag
 * alone. */
int tenon_registry_push(struct tenon_registry *r,
                        const struct tenon_registry_call *call, const char *ref,
                        const char *digest, bool by_digest,
                        struct tenon_error *err);

/* Where the blobs of an image are that is not in the content store, but for its documents. */
struct tenon_registry_source {
    const char *mount_from; /* a repository of the same registry that has them, or NULL */
    /* One that has to be sent: its descriptor, the callee's until then, and its size.  Called by
     * several threads. */
    int (*open)(void *data, const struct tenon_desc *d, int64_t *size, struct tenon_error *err);
    void *data;
};
/* As tenon_registry_push; what the registry has, or mounts, is not opened. */
int tenon_registry_send(struct tenon_registry *r, const struct tenon_registry_call *call,
                        const char *ref, const struct tenon_registry_source *source,
                        const char *digest, bool by_digest, struct tenon_error *err);
/* One blob of the content store to ref's repository, unless that has it. */
int tenon_registry_push_blob(struct tenon_registry *r, const struct tenon_registry_call *call,
                             const char *ref, const struct tenon_desc *blob,
                             struct tenon_error *err);
/* Give a manifest that the repository has one more name; its text is in the content store. */
int tenon_registry_tag(struct tenon_registry *r, const struct tenon_registry_call *call,
                       const char *ref, const struct tenon_desc *manifest,
                       struct tenon_error *err);
/* The tags of ref's repository, of all pages, sorted; for tenon_strv_free.  What no reference can
 * have for a tag is left out. */
int tenon_registry_tags(struct tenon_registry *r, const struct tenon_registry_call *call,
                        const char *ref, char ***out, struct tenon_error *err);
/* The index of what refers to a manifest of ref's repository, all pages of it, by the referrers API
 * or the tag that stands in for it (*by_tag); an empty buffer: nothing does.  push: as the registry
 * itself has it, for who will add to it; else a mirror that has some will do. */
int tenon_registry_referrers(struct tenon_registry *r, const struct tenon_registry_call *call,
                             const char *ref, const char *digest, bool push,
                             struct tenon_buf *out, bool *by_tag, struct tenon_error *err);

#endif
