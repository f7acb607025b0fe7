/* serve/serve.h - the server of BuildKit's control API, as cli/verb_serve.c starts it.
 *
 *   listen.c         connections: a thread each, until a signal, or nobody comes
 *   control.c        the methods, but for what follows
 *   solving.c        Control.Solve: a request becomes a build, its end an answer
 *   drive.c          who describes the build: a definition, a frontend, or the client itself
 *   servejob.c       builds, by the names that clients gave them
 *   statuslog.c      what happens in a build, as Control.Status tells it
 *   tunnel.c         Control.Session: the connection inside of a connection, and sessions by name
 *   clientsession.c  a client's session as the engine knows one (context/session.h)
 *   filesync.c       a client's directory becomes ours
 *   filesend.c       a file that an exporter writes becomes a client's
 *   dirsend.c        a directory that an exporter writes becomes a client's
 *   gomode.c         modes as clients write them
 *   agents.c         connections with a client's ssh agents
 *   callerror.c      how the client's services fail
 *   pump.c           bytes between a descriptor and a stream of messages
 *   ctlmessages.c    the messages
 *
 * Each build has an engine of its own, and a store that is opened for it: builds of one
 * server share what builds of several commands do, and as little. */
#ifndef TENON_SERVE_SERVE_H
#define TENON_SERVE_SERVE_H

#include <stdint.h>

#include "base/error.h"

struct tenon_engine;
struct tenon_store;

struct serve_setup { /* borrowed while there is a server; read-only */
    /* What each build's begins with: plugins, configuration, platform, executor. */
    const struct tenon_engine *engine;
    int (*open_store)(void *data, struct tenon_store **out, struct tenon_error *err);
    void *data;
};

enum { SERVE_UNIX_PATH_MAX = 107 };

/* A listening socket at the path, for its owner alone; what a server left there that is no more is
 * replaced.  The socket, or a negative status. */
int serve_bind(const char *path, struct tenon_error *err);
/* Until SIGINT or SIGTERM, which are blocked in all threads, or until nobody was connected for
 * idle_ns (0: that does not matter).  Removes the path and closes the socket. */
int serve_listen(const struct serve_setup *setup, const char *path, int socket, uint64_t idle_ns,
                 struct tenon_error *err);
/* One client, on two descriptors, until it goes. */
int serve_one(const struct serve_setup *setup, int in, int out, struct tenon_error *err);

#endif
