/* serve/drive.h - who describes a build: a definition, a frontend of ours, or the client itself, by
 * LLBBridge's calls on the socket. */
#ifndef TENON_SERVE_DRIVE_H
#define TENON_SERVE_DRIVE_H

#include "ctlmessages.h"
#include "servejob.h"

struct drive { /* for one build, while it runs */
    struct servejob *job;
    const struct ctl_solve *request;
    /* "KEY=VALUE": what the result has whatever the client returns; ends with NULL, or NULL.  It is
     * read when the result is there, and may have grown until then. */
    char ***metadata;
    /* Or NULL.  The result is there, but for that; a client that drives can ask for what is in it
     * until this has returned. */
    int (*returned)(void *data, struct gateway *gw, struct tenon_error *err);
    void *returned_data;
};

/* The driver of the build's request (engine/build.h), whose self is the drive. */
extern const struct tenon_frontend_ops drive_ops;
/* What is called so in BuildKit; NULL: nothing. */
const char *drive_plugin(const char *frontend);
/* A call of LLBBridge's: it names its build in its metadata. */
void drive_call(struct server *s, struct grpc_call *call);
/* The build has ended: who waits for it to be driven need not any longer. */
void drive_end(struct servejob *j);
/* The build is to end: whoever waits looks. */
void drive_wake(struct servejob *j);

#endif
