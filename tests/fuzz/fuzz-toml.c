/* fuzz-toml - a buildkitd.toml: what is understood is JSON, as it can be read again. */
#define FUZZ_CORPUS "toml"
#include "fuzz.h"

#include "base/json.h"
#include "toml.h"

enum { TEXT_MAX = 8 << 20 };

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_json struct json_object *o = NULL, *again = NULL;
    char *copy = fuzz_copy(data, size);

    if (toml_parse(copy, size, &o, &err) == 0) {
        const char *text = json_object_to_json_string(o);
        if (tenon_json_parse(text, strlen(text), TEXT_MAX, &again, &err) == 0)
            tenon_assert(json_object_equal(o, again));
    } else {
        tenon_assert(err.message && !o);
    }
    free(copy);
    return 0;
}
