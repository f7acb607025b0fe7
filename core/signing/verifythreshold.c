/* signing/verifythreshold.c - how many have signed. */
#include "signing/verifying.h"

#include <stdint.h>
#include <string.h>

#include "tools/alloc.h"

/* Give a key an entry of its own, if need be by giving another to the key that has it. taken: by
 * which key each entry is, or SIZE_MAX; tried: entries that this search has been at. No deeper than
 * there are keys. */
static bool
give(const struct verifying *v, size_t key, size_t *taken, bool *tried)
{
    tenon_vec_foreach(s, &v->shares) {
        if (s->key != key || tried[s->signer])
            continue;
        tried[s->signer] = true;
        if (taken[s->signer] == SIZE_MAX || give(v, taken[s->signer], taken, tried)) {
            taken[s->signer] = key;
            return true;
        }
    }
    return false;
}

size_t
verifying_count_signers(const struct verifying *v)
{
    const size_t entries = v->rule->signers.len, keys = tenon_strv_len(v->keys);
    auto_free size_t *taken = tenon_reallocarray(NULL, entries, sizeof *taken);
    auto_free bool *tried = tenon_reallocarray(NULL, entries, sizeof *tried);
    size_t count = 0;
    for (size_t i = 0; i < entries; i++)
        taken[i] = SIZE_MAX;
    for (size_t i = 0; i < keys; i++) {
        memset(tried, 0, entries * sizeof *tried);
        count += give(v, i, taken, tried);
    }
    return count;
}

void
verifying_count_in(struct verifying *v, const struct found *f)
{
    size_t key = 0;
    while (v->keys && v->keys[key] && strcmp(v->keys[key], f->key))
        key++;
    if (key == tenon_strv_len(v->keys))
        tenon_strv_push(&v->keys, tenon_strdup(f->key));
    tenon_vec_foreach(signer, &f->signers)
        tenon_vec_push(&v->shares, (struct share){*signer, key});
}
