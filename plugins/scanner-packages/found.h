/* scanner-packages/found.h - packages that were found in a tree, and those who find them. */
#ifndef SCANNER_PACKAGES_FOUND_H
#define SCANNER_PACKAGES_FOUND_H

#include <json-c/json.h>
#include <tenon-plugin.h>

#include "tools/buf.h"
#include "tools/vec.h"

struct found_package {
    char *name, *version;
    char *license;  /* as the package says it, or NULL */
    char *supplier; /* or NULL */
    char *purl;
    char *where;    /* the file that tells of it */
};

struct scan {
    const struct tenon_host *host;
    struct tenon_ctx *ctx;
    int root;
    const char *what; /* the tree is */
    char *os_id, *os_version; /* of os-release; "" when there is none */
    TENON_VEC(struct found_package) list;
    size_t bytes; /* of all their texts */
    bool full;    /* and no more are taken */
};

/* Takes no strings over.  type: of a package URL ("deb"); space: its namespace, or NULL;
 * qualifiers: "arch=amd64" list or NULL.  One without a name or version, or with one
 * of more than 4 KiB, is left out, and so is a license or supplier of that length. */
void found_add(struct scan *s, const char *type, const char *space, const char *name,
               const char *version, const char *const *qualifiers, const char *license,
               const char *supplier, const char *where);
void found_release(struct scan *s);

/* Bytes of a regular file; 0: it is none, or not there. */
int64_t found_size(struct scan *s, const char *path);
/* A whole file of the tree; false: it is not there, no regular file, or too large. */
bool found_read(struct scan *s, const char *path, struct tenon_buf *out);

/* system.c: packages of the distribution. */
void scan_system(struct scan *s);
/* rpm.c: those of a database of rpm's: 1, 0 when there is none, -1 when it cannot be read (to its
 * end). */
int scan_rpm(struct scan *s, const char *path);
/* language.c: those of programming languages, wherever they are. */
int scan_languages(struct scan *s, struct tenon_error *err);
/* spdx.c: SPDX 2.3 of what was found; the caller's.  created: RFC 3339. */
struct json_object *spdx_document(const struct scan *s, const char *created);

#endif
