/* Which layers a push leaves out: those that each image of it has with its URLs alone. */
#include "registry/leftout.h"

#include "unit.h"

#define FOREIGN "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"
#define ORDINARY "application/vnd.oci.image.layer.v1.tar+gzip"

static void
add(struct tenon_leftout *l, const char *media_type, const char *urls)
{
    char digest[TENON_DIGEST_STR_LEN + 1] = "";
    struct tenon_desc layer = { (char *)(uintptr_t)media_type, digest, 1 };
    char *all[] = { (char *)(uintptr_t)urls };
    const struct tenon_manifest m = { .layers = &layer, .urls = all, .layer_count = 1 };
    memset(digest, 'a', sizeof digest - 1);
    tenon_leftout_add(l, &m);
}

static bool
is_left_out(const struct tenon_leftout *l)
{
    char digest[TENON_DIGEST_STR_LEN + 1] = "";
    memset(digest, 'a', sizeof digest - 1);
    return tenon_leftout_has(l, digest);
}

START_TEST(test_one_image_needs_it)
{
    static const struct {
        const char *media_type, *urls;
    } needs[] = { { ORDINARY, "[\"http://127.0.0.1/x\"]" }, { FOREIGN, NULL } };
    for (int first = 0; first < 2; first++) {
        struct tenon_leftout l = {0};
        ck_assert(!is_left_out(&l));
        if (first)
            add(&l, needs[_i].media_type, needs[_i].urls);
        add(&l, FOREIGN, "[\"http://127.0.0.1/x\"]");
        ck_assert(is_left_out(&l) == !first);
        add(&l, FOREIGN, "[\"http://127.0.0.1/y\"]");
        ck_assert(is_left_out(&l) == !first);
        add(&l, needs[_i].media_type, needs[_i].urls);
        ck_assert(!is_left_out(&l));
        tenon_leftout_release(&l);
    }
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("registry-leftout");
    TCase *tc = tcase_create("leftout");
    tcase_add_loop_test(tc, test_one_image_needs_it, 0, 2);
    suite_add_tcase(s, tc);
    return unit_run(s);
}
