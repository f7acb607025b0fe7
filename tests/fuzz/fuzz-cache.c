/* fuzz-cache - documents of caches that are imported (--cache-from): what is taken leads to layers
 * that are there, and can be looked up. */
#define FUZZ_CORPUS "cache"
#include "fuzz.h"

#include "solve/cache.h"
#include "solve/import.h"

static int
fetch(void *data, struct tenon_ctx *ctx, const struct tenon_descriptor *blob,
      struct tenon_error *err)
{
    (void)data, (void)ctx, (void)blob;
    return tenon_error_set(err, TENON_E_NOT_FOUND, "nothing is fetched");
}

static void
look_up(struct tenon_import *im, size_t layers)
{
    const struct tenon_import *imports[] = {im};
    struct tenon_solver s = {0};
    tenon_solver_import(&s, imports, 1, NULL);
    /* The digest of nothing is in most documents of the corpus. */
    for (unsigned i = 0; i < 16; i++) {
        struct tenon_digest key;
        char c = (char)('a' + i);
        tenon_digest_of(&c, i ? 1 : 0, &key);
        const struct import_record *r = import_find(&s, key.str);
        if (!r)
            continue;
        tenon_assert(r->import == im && r->keys[0]);
        for (size_t k = 0; k < r->result_count; k++)
            tenon_assert(r->results[k] >= -1 && r->results[k] < (int64_t)layers);
    }
    imports_free(&s);
}

static size_t
layers_of(const char *text, size_t size)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_json struct json_object *o = NULL;
    struct json_object *list = NULL;
    tenon_assert(tenon_json_parse(text, size, size, &o, &err) == 0);
    tenon_assert(tenon_json_get_array(o, "layers", &list, &err) == 0);
    return list ? json_object_array_length(list) : 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_import *im = NULL;
    char *text = fuzz_copy(data, size);
    if (tenon_import_new("fuzz", text, size, fetch, NULL, &im, &err) == 0)
        look_up(im, layers_of(text, size));
    else
        tenon_assert(!im && err.message);
    tenon_import_free(im);
    free(text);
    return 0;
}
