/* serve/addresses.h - where clients come: sockets that are files, TCP behind TLS, and what somebody
 * opened for us before we were started. */
#ifndef TENON_SERVE_ADDRESSES_H
#define TENON_SERVE_ADDRESSES_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "serve.h"
#include "tools/vec.h"

struct serve_tls;

struct place {
    int fd;      /* listens */
    bool secure; /* who comes here has to show a certificate */
    char *text; /* "tcp://127.0.0.1:1234", for messages */
    /* Of the file that we made, so that we remove no other; NULL: there is none. */
    char *path;
    dev_t dev;
    ino_t ino;
};

struct serve_places {
    struct serve_rules rules;
    struct serve_tls *tls; /* NULL: nobody needed it yet */
    TENON_VEC(struct place) list;
};

/* Nobody finds them any more; those who have come are served on. */
void serve_places_hide(struct serve_places *p);

#endif
