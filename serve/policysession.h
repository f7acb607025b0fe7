/* serve/policysession.h - a client that is asked about each source of its build: the service
 * PolicyVerifier of a session. */
#ifndef TENON_SERVE_POLICYSESSION_H
#define TENON_SERVE_POLICYSESSION_H

#include "callset.h"
#include "engine/sources.h"
#include "tunnel.h"

struct policysession;

/* id: of the session that is asked.  The engine is that of the build; it and the set of calls
 * outlive this.  NULL: there is no such session, or it is not asked. */
struct policysession *policysession_new(struct server *s, const char *id,
                                        struct tenon_engine *engine, struct callset *asked,
                                        struct tenon_error *err);
const struct tenon_judge *policysession_judge(const struct policysession *p);
void policysession_free(struct policysession *p);

#endif
