/* tools/fieldfilter.h - filters over the fields of things, as containerd and BuildKit take them:
 * "type==regular,inuse" is two selectors, which all have to agree, and of several filters one is
 * enough.
 *
 *   FIELD        it is there          FIELD==VALUE   it is there, and that
 *   FIELD!=VALUE it is something else FIELD~=VALUE   matches a regular expression of Go's
 *
 * A field is a path, "labels.name"; parts and values may be quoted ("a,b"), expressions also by
 * slashes or bars. */
#ifndef TENON_TOOLS_FIELDFILTER_H
#define TENON_TOOLS_FIELDFILTER_H

#include <stdbool.h>
#include <stddef.h>

#include "tools/cleanup.h"

enum {
    TENON_FIELD_FILTERS_MAX = 100,    /* of one question */
    TENON_FIELD_FILTER_BYTES = 16384, /* of one filter */
};

struct tenon_field_filter; /* immutable; any thread */

/* No filters: everything passes, as with one that is empty.  NULL: they are no filters; *why is
 * malloc'ed. */
struct tenon_field_filter *tenon_field_filter_new(const char *const *texts, size_t count,
                                                  char **why);
void tenon_field_filter_free(struct tenon_field_filter *f);
TENON_DEFINE_AUTO(field_filter, struct tenon_field_filter *, tenon_field_filter_free);
#define auto_field_filter __attribute__((cleanup(tenon_auto_field_filter)))

/* The value of a field, whose path has `parts` parts; NULL: there is no such field, or it has none.
 * What is a question of yes or no is "" for yes. */
typedef const char *tenon_field_get(void *data, const char *const *path, size_t parts);
bool tenon_field_filter_passes(const struct tenon_field_filter *f, tenon_field_get *get,
                               void *data);

#endif
