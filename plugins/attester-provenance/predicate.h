/* attester-provenance/predicate.h - SLSA predicates out of what a build knows. */
#ifndef ATTESTER_PROVENANCE_PREDICATE_H
#define ATTESTER_PROVENANCE_PREDICATE_H

#include <json-c/json.h>
#include <stdbool.h>

enum predicate_version { PREDICATE_V1, PREDICATE_V02 };

struct predicate_options {
    bool max;          /* with steps, arguments, secrets' names */
    bool reproducible; /* as the user says */
    const char *builder_id;
    struct json_object *environment; /* of the builder, borrowed; NULL: nothing is said of it */
    enum predicate_version version;
};

/* "https://slsa.dev/provenance/v1" */
const char *predicate_type(enum predicate_version version);
/* facts: host->result->facts; the caller's, members as BuildKit has them. */
struct json_object *predicate_make(struct json_object *facts, const struct predicate_options *o);
/* What buildx shows in a metadata file: v0.2, without what changes with each build unless all. */
struct json_object *predicate_metadata(struct json_object *facts,
                                       const struct predicate_options *o, bool all);

#endif
