/* engine/buildkitdocument.h - a cache's document for BuildKit, too. */
#ifndef TENON_ENGINE_BUILDKITDOCUMENT_H
#define TENON_ENGINE_BUILDKITDOCUMENT_H

#include <json-c/json.h>
#include <stddef.h>

struct tenon_cache_entry;

/* Append records of what BuildKit knows of the entries. results: of each entry the list of its
 * results, {"layer", "createdAt"} for each output, or NULL. */
void tenon_buildkit_document(const struct tenon_cache_entry *list, size_t count,
                             struct json_object *const *results, struct json_object *records);

#endif
