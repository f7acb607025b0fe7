/* engine/compatibility.c - see compatibility.h. */
#include "engine/compatibility.h"

#include <inttypes.h>
#include <string.h>

#include "engine/attestation.h"
#include "tools/alloc.h"

int
tenon_compatibility_check(int64_t version, struct tenon_error *err)
{
    if (!version || version == TENON_COMPATIBILITY_NOW ||
        version == TENON_COMPATIBILITY_UNTIL_0_31 || version == TENON_COMPATIBILITY_UNTIL_0_14)
        return TENON_OK;
    if (version > TENON_COMPATIBILITY_NOW)
        return tenon_error_set(err, TENON_E_UNSUPPORTED, "unsupported compatibility-version "
                               "%" PRId64 ": upgrade tenon (max supported: %d)", version,
                               TENON_COMPATIBILITY_NOW);
    return tenon_error_set(err, TENON_E_UNSUPPORTED, "unsupported compatibility-version %" PRId64
                           " (supported: [%d %d %d])", version, TENON_COMPATIBILITY_UNTIL_0_14,
                           TENON_COMPATIBILITY_UNTIL_0_31, TENON_COMPATIBILITY_NOW);
}

int
tenon_compatibility_check_compression(int64_t version, const char *type, const char *compression,
                                      struct tenon_error *err)
{
    if (version != TENON_COMPATIBILITY_UNTIL_0_14 || !tenon_streq(compression, "zstd"))
        return TENON_OK;
    return tenon_error_set(err, TENON_E_UNSUPPORTED, "unsupported compatibility-version %" PRId64
                           " feature %s exporter compression=zstd", version, type);
}

static bool
has(char *const *pairs, const char *key)
{
    const size_t len = strlen(key);
    for (; pairs && *pairs; pairs++)
        if (!strncmp(*pairs, key, len) && (*pairs)[len] == '=')
            return true;
    return false;
}

static bool
is_attested(const struct tenon_result *r)
{
    tenon_vec_foreach(p, &r->platforms)
        if (tenon_result_is_attested(r, p->platform, true))
            return true;
    return false;
}

char **
tenon_compatibility_pairs(int64_t version, const char *type, char *const *pairs,
                          const struct tenon_result *r)
{
    char **out = tenon_strv_dup((const char *const *)pairs);
    const bool is_oci = !strcmp(type, "oci");
    if (version > TENON_COMPATIBILITY_UNTIL_0_31 ||
        (!is_oci && strcmp(type, "image") && strcmp(type, "docker")))
        return out;
    if (!is_oci && !is_attested(r) && !has(pairs, "oci-mediatypes"))
        tenon_strv_push(&out, tenon_strdup("oci-mediatypes=false"));
    if (!has(pairs, "oci-artifact"))
        tenon_strv_push(&out, tenon_strdup("oci-artifact=false"));
    return out;
}
