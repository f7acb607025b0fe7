/* cli/buildattest.h - --attest, --provenance and --sbom, and what is attested without them. */
#ifndef TENON_CLI_BUILDATTEST_H
#define TENON_CLI_BUILDATTEST_H

#include "buildflags.h"
#include "engine/attestlist.h"

int build_attests_parse(const struct build_flags *f, struct json_object *config,
                        struct tenon_plugins *plugins, struct tenon_attests *out,
                        struct tenon_error *err);

#endif
