/* signing/verifyimage.c - see verifyimage.h. */
#include "signing/verifyimage.h"

#include <string.h>

#include "base/digest.h"
#include "base/io.h"
#include "places/copyimage.h"
#include "signing/signimage.h"
#include "signing/verifying.h"
#include "tools/alloc.h"

static void
release(struct verifying *v)
{
    free(v->repository);
    free(v->tag);
    tenon_strv_free(v->keys);
    tenon_strv_free(v->seen);
    tenon_vec_release(&v->shares);
    tenon_vec_foreach(said, &v->claims)
        tenon_claim_release(&said->claim);
    tenon_vec_release(&v->claims);
}
TENON_DEFINE_AUTO_STRUCT(verifying, struct verifying, release);
#define auto_verifying __attribute__((cleanup(tenon_auto_verifying)))

/* ---- blobs ------------------------------------------------------------------------- */

static int
check_blob(void *data, const struct tenon_desc *d, struct tenon_error *err)
{
    const struct verifying *v = data;
    auto_hash struct tenon_hash *hash = tenon_hash_new();
    auto_free char *buf = tenon_malloc((size_t)1 << 18);
    struct tenon_digest got;
    auto_close int fd = tenon_place_open(v->x->reach, v->x->place, d, err);
    int64_t n = fd < 0 ? fd : 1;
    while (n > 0) {
        n = tenon_read_full(fd, buf, (size_t)1 << 18, err);
        if (n > 0)
            tenon_hash_update(hash, buf, (size_t)n);
        if (tenon_cancel_check(v->x->reach->call.cancel, err) < 0)
            n = err->code;
    }
    if (n < 0)
        return tenon_error_context(err, "blob %s", d->digest);
    tenon_hash_final(hash, &got);
    if (strcmp(got.str, d->digest))
        return tenon_error_set(err, TENON_E_DENIED, "blob %s is something else, %s", d->digest,
                               got.str);
    return 0;
}

/* What a registry gives is verified when it is pulled; files can be changed where they are. */
static int
check_blobs(struct verifying *v, struct tenon_error *err)
{
    const struct tenon_verify_image *x = v->x;
    if (x->place->kind == TENON_PLACE_REGISTRY && !x->blobs)
        return 0;
    return tenon_place_gather(x->reach, x->place, &x->place->top, err) < 0 ||
                   tenon_image_walk(x->reach->store, x->place->top.digest, check_blob, v, err) < 0
               ? err->code : 0;
}

/* ---- the whole --------------------------------------------------------------------- */

static int
find_rule(struct verifying *v, struct tenon_error *err)
{
    auto_free char *own = v->x->name ? tenon_strdup(v->x->name) : tenon_signed_name(v->x->place);
    if (!own) {
        tenon_error_set(err, TENON_E_INVALID, "what should the image be?");
        return tenon_error_hint(err, "--name NAME, as policy and signature have it");
    }
    if (tenon_image_name_split(own, &v->repository, &v->tag, err) < 0)
        return err->code;
    v->rule = tenon_image_policy_find(v->x->policy, v->repository, v->tag);
    return v->rule ? 0 : tenon_error_set(err, TENON_E_DENIED, "the policy has no rule about %s",
                                         v->repository);
}

static struct json_object *
new_report(struct verifying *v)
{
    struct json_object *o = json_object_new_object();
    auto_free char *name = v->tag ? tenon_asprintf("%s:%s", v->repository, v->tag)
                                  : tenon_strdup(v->repository);
    verifying_add_text(o, "name", name);
    verifying_add_text(o, "digest", v->x->place->top.digest);
    json_object_object_add(o, "good", json_object_new_boolean(false));
    v->signatures = json_object_new_array();
    v->refused = json_object_new_array();
    v->attestations = json_object_new_array();
    json_object_object_add(o, "signatures", v->signatures);
    json_object_object_add(o, "refused", v->refused);
    json_object_object_add(o, "attestations", v->attestations);
    return o;
}

int
tenon_image_verify(const struct tenon_verify_image *x, struct json_object **report,
                   struct tenon_error *err)
{
    auto_verifying struct verifying v = {.x = x};
    *report = NULL;
    if (!tenon_place_is_image(x->place))
        return tenon_error_set(err, TENON_E_INVALID, "%s is no image, but files", x->place->text);
    if (tenon_place_check_loads(x->place, err) < 0)
        return tenon_error_context(err, "%s", x->place->text);
    if (find_rule(&v, err) < 0)
        return tenon_error_context(err, "%s", x->place->text);
    *report = new_report(&v);
    if (verifying_check_signatures(&v, err) < 0 || verifying_check_attestations(&v, err) < 0 ||
        check_blobs(&v, err) < 0) {
        verifying_add_text(*report, "reason", err->message);
        return tenon_error_context(err, "%s", x->place->text);
    }
    json_object_object_add(*report, "good", json_object_new_boolean(true));
    return 0;
}
