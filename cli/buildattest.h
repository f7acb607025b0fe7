/* cli/buildattest.h - --attest, --provenance and --sbom, and what is attested without them. */
#ifndef TENON_CLI_BUILDATTEST_H
#define TENON_CLI_BUILDATTEST_H

#include "buildflags.h"
#include "engine/build.h"

struct build_attests {
    struct tenon_attest *list;
    size_t count;
};

int build_attests_parse(const struct build_flags *f, struct json_object *config,
                        struct tenon_plugins *plugins, struct build_attests *out,
                        struct tenon_error *err);
void build_attests_release(struct build_attests *a);

#endif
