/* serve/attests.c - attestations by options: attest:provenance=mode=min,inline-only=true. */
#include "attests.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ctlmessages.h"
#include "optionnames.h"
#include "tools/alloc.h"
#include "tools/comma.h"

#define PROVENANCE "provenance"
#define SBOM "sbom"
#define SCANNER "packages" /* ours */

/* What is attested by the option; NULL: nothing. */
static const char *
type_of(const char *option)
{
    static const char *const prefixes[] = {"attest:", "build-arg:BUILDKIT_ATTEST_"};

    for (size_t i = 0; i < tenon_countof(prefixes); i++)
        if (tenon_has_prefix(option, prefixes[i]))
            return option + strlen(prefixes[i]);
    return NULL;
}

/* What flags of clients say of the option itself, and leave in it. */
static bool
is_of_flag(const char *field)
{
    return tenon_has_prefix(field, "type=") || tenon_has_prefix(field, "disabled=");
}

/* "k=v" each; a word alone has an empty value. */
static int
split(const char *type, const char *value, char ***out, struct tenon_error *err)
{
    auto_free char *why = NULL;
    auto_strv char **fields = *value ? tenon_comma_fields(value, &why) : NULL;

    if (*value && !fields)
        return tenon_error_set(err, TENON_E_INVALID, "failed to parse %s: %s", type, why);
    for (char **f = fields; f && *f; f++)
        if (!is_of_flag(*f))
            tenon_strv_push(out,
                            strchr(*f, '=') ? tenon_strdup(*f) : tenon_asprintf("%s=", *f));
    return TENON_OK;
}

static int
add_sbom(struct tenon_attests *a, char **attrs, struct tenon_error *err)
{
    for (char **x = attrs; x && *x; x++)
        if (!strcmp(*x, "generator=")) {
            tenon_strv_free(attrs);
            return tenon_error_set(err, TENON_E_INVALID, "sbom generator cannot be empty");
        }
    return tenon_attests_add_sbom(a, attrs, SCANNER)
               ? TENON_OK
               : tenon_error_set(err, TENON_E_INVALID, "sbom: generator and scanner cannot be "
                                 "used together");
}

/* Clients of other versions say what we know nothing of (capture-usage), and expect that it is
 * left out then. */
static int
add_provenance(struct tenon_attests *a, struct tenon_plugins *plugins, char **attrs,
               struct tenon_error *err)
{
    const struct tenon_plugin *plugin;

    if (tenon_plugins_peek(plugins, TENON_KIND_ATTESTER, PROVENANCE, &plugin, err) < 0) {
        tenon_strv_free(attrs);
        return err->code;
    }
    auto_strv char **others = optionnames_split(plugin, &attrs);
    tenon_attests_add(a, TENON_KIND_ATTESTER, PROVENANCE, attrs);
    return TENON_OK;
}

static int
add(struct tenon_attests *a, struct tenon_plugins *plugins, const char *type, const char *value,
    struct tenon_error *err)
{
    char **attrs = NULL;
    const bool sbom = !strcasecmp(type, SBOM);

    if (!sbom && strcasecmp(type, PROVENANCE) != 0)
        return tenon_error_set(err, TENON_E_INVALID, "unknown attestation type \"%s\"", type);
    if (split(type, value, &attrs, err) < 0)
        return err->code;
    return sbom ? add_sbom(a, attrs, err) : add_provenance(a, plugins, attrs, err);
}

int
attests_take(const struct message_list *options, struct tenon_plugins *plugins,
             struct tenon_attests *out, struct tenon_error *err)
{
    const struct ctl_pair *pairs = options->items;
    auto_strv char **seen = NULL;

    for (size_t i = 0; i < options->len; i++) {
        const char *type = type_of(pairs[i].key);
        bool repeated = false;
        for (char **s = seen; type && s && *s; s++)
            repeated = repeated || !strcasecmp(*s, type); /* by its other name */
        if (!type || repeated)
            continue;
        tenon_strv_push(&seen, tenon_strdup(type));
        if (add(out, plugins, type, pairs[i].value, err) < 0)
            return err->code;
    }
    return TENON_OK;
}
