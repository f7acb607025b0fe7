/* serve/serve.h - the server of BuildKit's control API, as cli/verb_serve.c starts it.
 *
 *   listen.c         connections: a thread each, until a signal, or nobody comes
 *   addresses.c      where they come: files, TCP, what systemd opened
 *   tls.c            TLS between a client and its connection
 *   asking.c         the other side: what there is, for a client that is ours
 *   control.c        the methods, but for what follows
 *   unary.c          calls with one question
 *   usagecalls.c     DiskUsage and Prune
 *   historycalls.c   ListenBuildHistory, UpdateBuildHistory, Status of builds that are over
 *   contentcalls.c   contents of records, and blobs, for reading
 *   solving.c        Control.Solve: a request becomes a build, its end an answer
 *   attests.c        what is to be attested of a build
 *   optionnames.c    options that we know nothing of
 *   clientpolicy.c   what its sources are held to
 *   policysession.c  what its client says of each
 *   drive.c          who describes the build: a definition, a frontend, or the client itself
 *   granted.c        what steps of a build may have
 *   servejob.c       builds, by the names that clients gave them
 *   statuslog.c      what happens in a build, as Control.Status tells it
 *   tunnel.c         Control.Session: the connection inside of a connection, and sessions by name
 *   pulse.c          sessions whose client does not answer any more
 *   clientsession.c  a client's session as the engine knows one (context/session.h)
 *   filesync.c       a client's directory becomes ours
 *   clientblobs.c    layouts and caches of a client
 *   uploads.c        contexts on a client's standard input
 *   budget.c         bytes that a client brings
 *   filesend.c       a file that an exporter writes becomes a client's
 *   dirsend.c        a directory that an exporter writes becomes a client's
 *   gomode.c         modes as clients write them
 *   agents.c         connections with a client's ssh agents
 *   answertext.c     answers of exporters, as clients have them
 *   callerror.c      how the client's services fail
 *   pump.c           bytes between a descriptor and a stream of messages
 *   ctlmessages.c    the messages
 *
 * Each build has an engine of its own, and a store that is opened for it: builds of one
 * server share what builds of several commands do, and as little. */
#ifndef TENON_SERVE_SERVE_H
#define TENON_SERVE_SERVE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

struct tenon_engine;
struct tenon_store;

struct serve_setup { /* borrowed while there is a server; read-only */
    /* What each build's begins with: plugins, configuration, platform, executor. */
    const struct tenon_engine *engine;
    int (*open_store)(void *data, struct tenon_store **out, struct tenon_error *err);
    void (*after_build)(void *data); /* its store is closed; any thread */
    void *data;
    /* That clients may ask for, "network.host"; ends with NULL, or NULL: none. */
    const char *const *entitlements;
};

enum { SERVE_UNIX_PATH_MAX = 107, SERVE_PLACES_MAX = 16 };

struct serve_rules {  /* who may come */
    mode_t mode;      /* of sockets that are files */
    bool has_group;   /* and their group, or else the process's */
    gid_t group;
    const char *ca, *cert, *key; /* TLS: PEM files; borrowed */
};
struct serve_places;
struct serve_places *serve_places_new(const struct serve_rules *rules);
/* Listens at unix://PATH, where what a server left that is no more is replaced; at tcp://HOST:PORT,
 * which needs TLS; or on what systemd has opened, fd://.  Before there are threads. */
int serve_places_add(struct serve_places *p, const char *address, struct tenon_error *err);
/* Files that we made are removed, unless they are another server's by now. */
void serve_places_close(struct serve_places *p);
/* Until SIGINT or SIGTERM, which are blocked in all threads, or until nobody was connected for
 * idle_ns (0: that does not matter).  Nobody can connect afterwards. */
int serve_listen(const struct serve_setup *setup, struct serve_places *places, uint64_t idle_ns,
                 struct tenon_error *err);
/* One client, on two descriptors, until it goes. */
int serve_one(const struct serve_setup *setup, int in, int out, struct tenon_error *err);

/* Asks a server who it is, on a connected socket that is taken over: a line for each worker,
 * malloc'ed, "ID<tab>PLATFORM,..." */
int serve_ask_workers(int fd, char **rows, struct tenon_error *err);

#endif
