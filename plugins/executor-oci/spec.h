/* executor-oci/spec.h - the OCI bundle of one step (config.json). */
#ifndef EXECUTOR_OCI_SPEC_H
#define EXECUTOR_OCI_SPEC_H

#include <json-c/json.h>
#include <tenon-plugin.h>

#include "common/exec/usernamespace.h"

/* The caller's (json_object_put).  cgroup: from cgroup_path; network: path of a
 * namespace to join, or NULL; users: in such a user namespace, or NULL, which is there already
 * at users_path, or that NULL. */
struct json_object *oci_spec(const struct tenon_exec *x, const char *cgroup,
                             const char *network, const struct usernamespace *users,
                             const char *users_path);

/* Its process alone, as it is told to what runs already. */
struct json_object *oci_process(const struct tenon_exec *x, bool has_own_users);

#endif
