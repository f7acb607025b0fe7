/* places/inspect.h - what is known of an image, as one JSON document. */
#ifndef TENON_PLACES_INSPECT_H
#define TENON_PLACES_INSPECT_H

#include "places/places.h"

/* {"name", "manifest": the index or manifest with its digest and size, "image": its configuration,
 * "provenance": {"SLSA": ...}, "sbom": {"SPDX": ...}}; of an index the last three are by platform.
 * As `docker buildx imagetools inspect` has it.  platform: NULL or the one that is wanted. */
int tenon_place_inspect(const struct tenon_reach *reach, const struct tenon_place *p,
                        const struct tenon_platform *platform, struct json_object **out,
                        struct tenon_error *err);

#endif
