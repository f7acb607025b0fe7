/* common/llbbridge/attested.c - attestations in results: those that the program returns, and those
 * that another frontend has made for it. */
#include "attested.h"

#include <string.h>

#include "tools/alloc.h"

/* ---- from the program ---------------------------------------------------------------- */

/* Subjects, digests and metadata count as well: each is small on the wire. */
static bool
has_room(struct serving *s, size_t *count, size_t more)
{
    *count += more;
    if (*count > GATEWAY_ATTESTATIONS_MAX)
        s->gw->host->error->set(s->err, TENON_E_LIMIT, 0,
                                "more than %d attestations, with what they "
                                "are about",
                                GATEWAY_ATTESTATIONS_MAX);
    return *count <= GATEWAY_ATTESTATIONS_MAX;
}

/* NULL: too many. */
static const struct tenon_subject *
take_subjects(struct serving *s, const struct message_list *list, size_t *count)
{
    const struct gw_subject *theirs = list->items;

    if (!has_room(s, count, list->len))
        return NULL;
    struct tenon_subject *out = tenon_arena_array(&s->arena, list->len + 1, sizeof *out);
    for (size_t i = 0; i < list->len; i++) {
        const char *const *digests = theirs[i].digests.items;
        const size_t len = theirs[i].digests.len;
        if (!has_room(s, count, len))
            return NULL;
        const char **copy = tenon_arena_array(&s->arena, len + 1, sizeof *copy);
        for (size_t k = 0; k < len; k++)
            copy[k] = digests[k];
        const int64_t kind = theirs[i].kind;
        out[i] = (struct tenon_subject){
            .name = theirs[i].name,
            .digests = copy,
            .kind = kind >= 0 && kind <= TENON_SUBJECT_RAW ? (uint32_t)kind : UINT32_MAX,
        };
    }
    return out;
}

/* "KEY=VALUE" texts; NULL: see s->err. */
static const char *const *
take_metadata(struct serving *s, const struct message_list *list, size_t *count)
{
    const struct gw_blob *theirs = list->items;

    if (!has_room(s, count, list->len))
        return NULL;
    const char **out = tenon_arena_array(&s->arena, list->len + 1, sizeof *out);
    for (size_t i = 0; i < list->len; i++) {
        const struct message_bytes *value = &theirs[i].value;
        if (strchr(theirs[i].key, '=') || (value->len && memchr(value->data, 0, value->len))) {
            s->gw->host->error->set(s->err, TENON_E_INVALID, 0,
                                    "metadata of an attestation is no text");
            return NULL;
        }
        auto_free char *pair = tenon_asprintf("%s=%.*s", theirs[i].key, (int)value->len,
                                              value->len ? (const char *)value->data : "");
        out[i] = tenon_arena_strdup(&s->arena, pair);
    }
    return out;
}

static int
take_one(struct serving *s, const char *platform, const struct gw_attestation *theirs,
         size_t *count)
{
    const char *name = theirs->ref ? theirs->ref->id : "";
    struct tenon_ref *ref = *name ? serving_find_ref(s, name) : NULL;
    if (*name && !ref)
        return s->gw->host->error->code(s->err);
    const struct tenon_attestation a = {
        .struct_size = sizeof a,
        .kind = theirs->kind >= 0 && theirs->kind <= TENON_ATTESTATION_BUNDLE
                    ? (uint32_t)theirs->kind : UINT32_MAX,
        .predicate_type = theirs->predicate_type,
        .ref = ref,
        .path = theirs->path,
        .subjects = take_subjects(s, &theirs->subjects, count),
        .subject_count = theirs->subjects.len,
        .metadata = take_metadata(s, &theirs->metadata, count),
    };
    if (!a.subjects || !a.metadata)
        return s->gw->host->error->code(s->err);
    return s->gw->host->result->attest(s->gw->result, platform, &a, s->err);
}

/* The name of a platform of the result that the program calls so; NULL: there is none. */
static const char *
find_platform(const struct gateway *gw, const char *key, const struct gateway_platforms *known)
{
    for (size_t i = 0; i < known->count; i++) {
        if (strcmp(known->items[i].id, key) == 0)
            key = known->items[i].name;
    }
    for (size_t i = 0; i < gw->host->result->count(gw->result); i++) {
        const char *platform = gw->host->result->platform(gw->result, i);
        if (strcmp(platform, key) == 0)
            return platform;
    }
    return NULL;
}

int
attested_take(struct serving *s, const struct message_list *attestations,
              const struct gateway_platforms *known)
{
    const struct gw_attested *entries = attestations->items;
    size_t count = 0;

    for (size_t i = 0; i < attestations->len; i++) {
        const size_t len = entries[i].value ? entries[i].value->all.len : 0;
        const struct gw_attestation *all = len ? entries[i].value->all.items : NULL;
        const char *platform = find_platform(s->gw, entries[i].key, known);
        if (len && !platform)
            return s->gw->host->error->set(s->err, TENON_E_INVALID, 0,
                                           "attestations of %s, which is no "
                                           "platform of the result",
                                           entries[i].key);
        if (!has_room(s, &count, len))
            return s->gw->host->error->code(s->err);
        for (size_t k = 0; k < len; k++) {
            if (take_one(s, platform, &all[k], &count) < 0)
                return s->gw->host->error->code(s->err);
        }
    }
    return TENON_OK;
}

/* ---- to the program ------------------------------------------------------------------ */

static struct message_list
put_subjects(struct serving *s, const struct tenon_attestation *a)
{
    struct gw_subject *out = tenon_arena_array(&s->arena, a->subject_count + 1, sizeof *out);

    for (size_t i = 0; i < a->subject_count; i++)
        out[i] = (struct gw_subject){
            .kind = a->subjects[i].kind,
            .digests = {a->subjects[i].digests,
                        tenon_strv_len((char **)(uintptr_t)a->subjects[i].digests)},
            .name = a->subjects[i].name,
        };
    return (struct message_list){out, a->subject_count};
}

static struct message_list
put_metadata(struct serving *s, const struct tenon_attestation *a)
{
    const size_t count = tenon_strv_len((char **)(uintptr_t)a->metadata);
    struct gw_blob *out = tenon_arena_array(&s->arena, count + 1, sizeof *out);

    for (size_t i = 0; i < count; i++) {
        const char *value = strchr(a->metadata[i], '=') + 1;
        const size_t len = (size_t)(value - a->metadata[i]) - 1;
        out[i].key = tenon_arena_dup(&s->arena, a->metadata[i], len);
        out[i].value = (struct message_bytes){value, strlen(value)};
    }
    return (struct message_list){out, count};
}

/* Those of one platform. */
static bool
put_platform(struct serving *s, const struct tenon_result *from, const char *platform,
             struct message_list *out)
{
    const struct tenon_attestation *a;
    struct gw_attestation *all = NULL;

    for (size_t i = 0; (a = s->gw->host->result->attestation(from, platform, i)) != NULL; i++) {
        struct gw_ref *ref = NULL;
        if (a->ref) {
            ref = tenon_arena_alloc(&s->arena, sizeof *ref);
            if (!serving_put_ref(s, a->ref, ref))
                return false;
        }
        all = tenon_arena_grow(&s->arena, all, out->len, sizeof *all);
        all[out->len++] = (struct gw_attestation){
            .kind = a->kind,
            .metadata = put_metadata(s, a),
            .ref = ref,
            .path = a->path,
            .predicate_type = a->predicate_type,
            .subjects = put_subjects(s, a),
        };
    }
    out->items = all;
    return true;
}

bool
attested_put(struct serving *s, const struct tenon_result *from, struct message_list *out)
{
    const struct tenon_host *h = s->gw->host;
    const size_t count = h->result->count(from);
    struct gw_attested *entries = tenon_arena_array(&s->arena, count + 1, sizeof *entries);
    size_t n = 0;

    for (size_t i = 0; i < count; i++) {
        struct gw_attestations *of = tenon_arena_alloc(&s->arena, sizeof *of);
        if (!put_platform(s, from, h->result->platform(from, i), &of->all))
            return false;
        if (of->all.len)
            entries[n++] = (struct gw_attested){h->result->platform(from, i), of};
    }
    *out = (struct message_list){entries, n};
    return true;
}
