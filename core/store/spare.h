/* store/spare.h - connections to a store's database that wait for the next who opens it. */
#ifndef TENON_STORE_SPARE_H
#define TENON_STORE_SPARE_H

#include "store/private.h"

/* Takes one: s->db, and s->statements that are its own.  False: there is none to this store's
 * file, or spares is NULL. */
bool store_spare_take(struct tenon_store_spares *spares, struct tenon_store *s);
/* Hands it over.  False: there are enough, something is wrong with it, or spares is NULL. */
bool store_spare_put(struct tenon_store_spares *spares, struct tenon_store *s);
/* The end of a connection and its statements. */
void store_disconnect(sqlite3 *db, struct db_statement *statements);

#endif
