/* attester-provenance/environment.h - what whoever runs the machine says of it, in files. */
#ifndef ATTESTER_PROVENANCE_ENVIRONMENT_H
#define ATTESTER_PROVENANCE_ENVIRONMENT_H

#include <json-c/json.h>
#include <tenon-plugin.h>

/* The members of all NAME.json in the directory in one object, the caller's: of two with one name
 * that of the file whose name is later counts.  No directory: no members. */
int environment_read(const struct tenon_host *h, const char *dir, struct json_object **out,
                     struct tenon_error *err);

#endif
