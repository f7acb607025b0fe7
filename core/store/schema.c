/* store/schema.c - the tables, and how those of earlier schemas become them.
 *
 * A change of a table is a further step, a line in `tests/stores`, and the next number. */
#include "store/private.h"

const char store_schema[] =
    "CREATE TABLE snapshot (id INTEGER PRIMARY KEY AUTOINCREMENT, type INTEGER NOT NULL,"
    " description TEXT, created INTEGER NOT NULL, used INTEGER NOT NULL,"
    " uses INTEGER NOT NULL DEFAULT 0, size INTEGER NOT NULL DEFAULT -1, chain_id TEXT,"
    " bare INTEGER NOT NULL DEFAULT 0, unsure TEXT);"
    "CREATE INDEX snapshot_unsure ON snapshot(id) WHERE unsure IS NOT NULL;"
    "CREATE UNIQUE INDEX snapshot_chain ON snapshot(chain_id) WHERE chain_id IS NOT NULL;"
    "CREATE TABLE snapshot_blob (snapshot INTEGER NOT NULL REFERENCES snapshot(id)"
    " ON DELETE CASCADE, variant TEXT NOT NULL, digest TEXT NOT NULL, diff_id TEXT NOT NULL,"
    " size INTEGER NOT NULL, media_type TEXT NOT NULL, PRIMARY KEY (snapshot, variant));"
    "CREATE INDEX snapshot_blob_digest ON snapshot_blob(digest);"
    "CREATE TABLE blob (digest TEXT PRIMARY KEY, size INTEGER NOT NULL, created INTEGER NOT NULL,"
    " used INTEGER NOT NULL, unsure TEXT) WITHOUT ROWID;"
    "CREATE INDEX blob_unsure ON blob(digest) WHERE unsure IS NOT NULL;"
    "CREATE TABLE record (id TEXT PRIMARY KEY, outputs TEXT NOT NULL, created INTEGER NOT NULL,"
    " used INTEGER NOT NULL, extra TEXT, scope TEXT, description TEXT) WITHOUT ROWID;"
    "CREATE INDEX record_scope ON record(scope, created);"
    "CREATE TABLE key (key TEXT PRIMARY KEY, record TEXT NOT NULL REFERENCES record(id)"
    " ON DELETE CASCADE) WITHOUT ROWID;"
    "CREATE INDEX key_record ON key(record);"
    "CREATE TABLE part (record TEXT NOT NULL REFERENCES record(id) ON DELETE CASCADE,"
    " n INTEGER NOT NULL, label TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (record, n))"
    " WITHOUT ROWID;"
    "CREATE TABLE record_snapshot (record TEXT NOT NULL REFERENCES record(id) ON DELETE CASCADE,"
    " snapshot INTEGER NOT NULL, PRIMARY KEY (record, snapshot)) WITHOUT ROWID;"
    "CREATE INDEX record_snapshot_s ON record_snapshot(snapshot);"
    "CREATE TABLE image (name TEXT PRIMARY KEY, digest TEXT NOT NULL, media_type TEXT,"
    " size INTEGER NOT NULL, created INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE pin (name TEXT PRIMARY KEY, value TEXT NOT NULL, used INTEGER NOT NULL)"
    " WITHOUT ROWID;"
    "CREATE TABLE content (key TEXT PRIMARY KEY, digest TEXT NOT NULL, used INTEGER NOT NULL)"
    " WITHOUT ROWID;"
    "CREATE TABLE stat_root (id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE);"
    "CREATE TABLE stat (root INTEGER NOT NULL, path INTEGER NOT NULL, dev INTEGER, ino INTEGER,"
    " size INTEGER,"
    " mtime INTEGER, ctime INTEGER, digest BLOB, PRIMARY KEY (root, path)) WITHOUT ROWID;"
    "CREATE TABLE cache (n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL,"
    " created INTEGER NOT NULL, used INTEGER NOT NULL, size INTEGER NOT NULL DEFAULT -1,"
    " unsure TEXT);"
    "CREATE INDEX cache_id ON cache(id);"
    "CREATE INDEX cache_unsure ON cache(n) WHERE unsure IS NOT NULL;"
    "CREATE TABLE machine (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
    "PRAGMA user_version = 4;";

const char *const store_schema_steps[STORE_SCHEMA - STORE_SCHEMA_OLDEST] = {
    /* 3 to 4: what is not known to be on disk (boot.c).  Of what is there already nothing is
     * known, and it is taken for right, as it was before. */
    "ALTER TABLE snapshot ADD COLUMN unsure TEXT;"
    "CREATE INDEX snapshot_unsure ON snapshot(id) WHERE unsure IS NOT NULL;"
    "ALTER TABLE blob ADD COLUMN unsure TEXT;"
    "CREATE INDEX blob_unsure ON blob(digest) WHERE unsure IS NOT NULL;"
    "ALTER TABLE cache ADD COLUMN unsure TEXT;"
    "CREATE INDEX cache_unsure ON cache(n) WHERE unsure IS NOT NULL;"
    "CREATE TABLE machine (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
    "PRAGMA user_version = 4;",
};
