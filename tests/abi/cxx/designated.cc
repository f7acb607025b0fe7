// abi/cxx/designated.cc - the same parts as in C, for C++20: designators in the order of the members.
#include <tenon-plugin.h>

static int
save(void *, tenon_ctx *, const tenon_values *, const tenon_descriptor *, tenon_error *)
{
    return TENON_OK;
}

static const tenon_param options[] = { TENON_CACHE_PARAMS, TENON_IMAGE_PARAMS, { .name = nullptr } };
static const tenon_cache_ops ops = { .struct_size = sizeof ops, .save = save };
static const tenon_plugin plugin = {
    TENON_PLUGIN_HEADER(TENON_KIND_CACHE),
    .threads = TENON_THREADS_PARALLEL,
    .name = "designated",
    .options = options,
    .ops = { .cache = &ops },
};
TENON_PLUGIN_EXPORT(cache_designated, plugin);
