/* serve/clientsession.h - a client's session as the engine knows one: directories, secrets, agents,
 * credentials and places for results are calls of the services that the client offers.  For one
 * build; any thread. */
#ifndef TENON_SERVE_CLIENTSESSION_H
#define TENON_SERVE_CLIENTSESSION_H

#include "context/session.h"
#include "tunnel.h"

struct callset;
struct tenon_store;
struct clientsession;

/* id: "" for none, and everything is missing.  The store is for directories, and outlives it, as
 * the set of its calls does.
 * NULL: there is no session of that id. */
struct clientsession *clientsession_new(struct server *s, const char *id,
                                        struct tenon_store *store, struct callset *asked,
                                        struct tenon_error *err);
struct tenon_session *clientsession_vtable(struct clientsession *c);
const struct tunnel *clientsession_tunnel(const struct clientsession *c); /* NULL: none */
/* The build is fine: directories that exporters wrote go to the client. */
int clientsession_finish(struct clientsession *c, struct tenon_error *err);
/* Nobody reads its directories any more: another build may have them.  NULL is fine, and twice. */
void clientsession_leave(struct clientsession *c);
void clientsession_free(struct clientsession *c);

/* The place for the files of an exporter, by its number in the request: what it has as "dest".
 * tells: of an image, and who takes it is told what the result answers by then. */
char *clientsession_place(size_t exporter, bool tells);
struct tenon_result;
void clientsession_tell(struct clientsession *c, const struct tenon_result *result);
/* The same for layouts that are to go to, or come from, a content store of the client's. */
char *clientsession_store_place(const char *store);

#endif
