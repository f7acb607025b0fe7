/* solve/buildkitlookup.c - see buildkitlookup.h. */
#include "solve/buildkitlookup.h"

#include "solve/buildkitkey.h"
#include "solve/import.h"

bool
buildkit_there(const struct tenon_solver *s)
{
    const struct solver_imports *imports = atomic_load(&s->imports);
    for (size_t i = 0; imports && i < imports->count; i++)
        if (import_buildkit(imports->list[i]))
            return true;
    return false;
}

int
buildkit_match(const struct state *st, const struct tenon_digest *contents,
                       struct buildkit_found *out, struct tenon_error *err)
{
    const struct solver_imports *imports = atomic_load(&st->solver->imports);
    const uint32_t outputs = tenon_vertex_output_count(st->v);
    auto_buildkit_keys struct buildkit_keys keys = {0};
    *out = (struct buildkit_found){0};
    if (st->fresh || outputs == UINT32_MAX || !buildkit_there(st->solver))
        return 0;
    int rc = buildkit_keys(st, &keys, err);
    for (size_t i = 0; rc == 0 && i < imports->count; i++) {
        const struct buildkit_records *all = import_buildkit(imports->list[i]);
        for (uint32_t n = 0; all && n < outputs; n++)
            buildkit_records_find(all, st, &keys, contents, n, out);
    }
    buildkit_found_sort(out);
    return rc;
}
