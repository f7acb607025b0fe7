/* fuzz-names - references, platforms, repositories, and the documents of images: whatever a
 * user types or a registry sends. A reference that is one is still the same one when it
 * was written and read again. */
#define FUZZ_CORPUS "names"
#include "convert/giturl.h"
#include "fuzz.h"
#include "image/image.h"
/* After image/image.h, whose names it does not use. */
#include "convert/image.h"

static void
references(const char *text)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_reference ref = {0}, again = {0};
    if (tenon_reference_parse(text, &ref, &err) == 0) {
        auto_free char *whole = tenon_reference_string(&ref);
        auto_free char *familiar = tenon_reference_familiar(&ref);
        tenon_assert(tenon_reference_parse(whole, &again, &err) == 0);
        auto_free char *second = tenon_reference_string(&again);
        tenon_assert(strcmp(whole, second) == 0);
        tenon_reference_release(&again);
        tenon_assert(tenon_reference_parse(familiar, &again, &err) == 0);
        auto_free char *third = tenon_reference_string(&again);
        tenon_assert(strcmp(whole, third) == 0);
        tenon_reference_release(&again);
    }
    tenon_reference_release(&ref);
}

static void
platforms(const char *text)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_platform p, again;
    char formatted[200];
    if (tenon_platform_parse(text, &p, &err) < 0)
        return;
    tenon_platform_format(&p, formatted);
    tenon_assert(tenon_platform_parse(formatted, &again, &err) == 0);
    tenon_assert(tenon_platform_match(&p, &again) > 0);
}

static void
documents(const char *text, size_t size)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_df_arena struct df_arena a = DF_ARENA_INIT;
    struct tenon_manifest manifest = {0};
    struct df_image image;
    const char *why;
    char **ids = NULL;
    if (tenon_manifest_parse(text, size, TENON_MT_OCI_MANIFEST, &manifest, &err) == 0)
        tenon_manifest_release(&manifest);
    tenon_error_release(&err);
    if (tenon_config_diff_ids(text, size, &ids, &err) == 0)
        tenon_strv_free(ids);
    if (df_image_parse(&a, text, size, &image, &why)) {
        auto_buf struct tenon_buf out = TENON_BUF_INIT;
        df_image_write(&image, &out);
        tenon_assert(df_image_parse(&a, out.data, out.len, &image, &why));
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_df_arena struct df_arena a = DF_ARENA_INIT;
    struct df_git git;
    const char *why = NULL;
    auto_free char *text = tenon_strndup((const char *)data, size);
    char *bytes = fuzz_copy(data, size);

    references(text);
    platforms(text);
    (void)df_git_parse(&a, text, false, &git, &why);
    (void)df_git_parse(&a, text, true, &git, &why);
    documents(bytes, size);
    free(bytes);
    return 0;
}
