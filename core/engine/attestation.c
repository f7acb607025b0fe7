/* engine/attestation.c - what is said about a result, by frontends and by attesters, as the
 * result keeps it.  statement.c makes statements of it. */
#include "engine/attestation.h"

#include <stdlib.h>
#include <string.h>

#include "base/sized.h"
#include "image/image.h"
#include "tools/alloc.h"

enum { SUBJECTS_MAX = 10000 };

static void
free_list(const char *const *list)
{
    tenon_strv_free((char **)(uintptr_t)list);
}

static void
drop(const void *p)
{
    free((void *)(uintptr_t)p);
}

void
tenon_attestation_release(struct tenon_attestation *a)
{
    drop(a->predicate_type);
    drop(a->path);
    drop(a->data);
    free_list(a->metadata);
    for (size_t i = 0; i < a->subject_count; i++) {
        drop(a->subjects[i].name);
        free_list(a->subjects[i].digests);
    }
    drop(a->subjects);
}

const char *
tenon_attestation_meta(const struct tenon_attestation *a, const char *key)
{
    size_t len = strlen(key);
    for (const char *const *m = a->metadata; m && *m; m++)
        if (!strncmp(*m, key, len) && (*m)[len] == '=')
            return *m + len + 1;
    return NULL;
}

static int
check_subjects(const struct tenon_attestation *a, struct tenon_error *err)
{
    if (a->subject_count > SUBJECTS_MAX)
        return tenon_error_set(err, TENON_E_LIMIT,
                               "attestation %s has %zu subjects; %d are allowed",
                               a->path ? a->path : "", a->subject_count, SUBJECTS_MAX);
    for (size_t i = 0; i < a->subject_count; i++)
        if (a->subjects[i].kind > TENON_SUBJECT_RAW)
            return tenon_error_set(err, TENON_E_INVALID, "unknown attestation subject type %u",
                                   a->subjects[i].kind);
    return TENON_OK;
}

static int
check(const struct tenon_attestation *a, struct tenon_error *err)
{
    bool bundle = a->kind == TENON_ATTESTATION_BUNDLE;
    if (a->kind > TENON_ATTESTATION_BUNDLE)
        return tenon_error_set(err, TENON_E_INVALID, "unknown attestation kind %u", a->kind);
    if (!bundle && (!a->path || !*a->path))
        return tenon_error_set(err, TENON_E_INVALID, "attestation does not have set path");
    if (bundle && (a->data || a->content))
        return tenon_error_set(err, TENON_E_INVALID, "an attestation bundle is a directory");
    if (!a->ref && !a->data && !a->content)
        return tenon_error_set(err, TENON_E_INVALID,
                               "attestation does not have available content");
    if (!bundle && (!a->predicate_type || !*a->predicate_type))
        return tenon_error_set(err, TENON_E_INVALID, "attestation %s has no predicate type",
                               a->path);
    /* of the build only the build itself can tell */
    if (a->ref && a->predicate_type && tenon_has_prefix(a->predicate_type, TENON_SLSA_PREFIX))
        return tenon_error_set(err, TENON_E_INVALID,
                               "frontend may not set provenance attestations");
    return check_subjects(a, err);
}

int
tenon_result_attest(struct tenon_result *r, const char *platform,
                    const struct tenon_attestation *given, struct tenon_error *err)
{
    struct tenon_attestation a = { .struct_size = sizeof a };
    struct tenon_platform parsed;

    tenon_sized_take(&a, sizeof a, given);
    if (check(&a, err) < 0)
        return err->code;
    if (*platform && tenon_platform_parse(platform, &parsed, err) < 0)
        return tenon_error_context(err, "attestation %s", a.path ? a.path : "");
    struct tenon_subject *subjects = NULL;
    if (a.subject_count)
        subjects = tenon_calloc(a.subject_count, sizeof *subjects);
    for (size_t i = 0; i < a.subject_count; i++)
        subjects[i] = (struct tenon_subject){
            .kind = a.subjects[i].kind,
            .name = tenon_strdup(a.subjects[i].name),
            .digests = (const char *const *)tenon_strv_dup(a.subjects[i].digests),
        };
    a.subjects = subjects;
    a.predicate_type = tenon_strdup(a.predicate_type);
    a.path = tenon_strdup(a.path);
    a.data = a.data ? tenon_memdup(a.data, a.len) : NULL;
    a.metadata = (const char *const *)tenon_strv_dup(a.metadata);
    struct tenon_result_attestation kept = { tenon_strdup(platform), a };
    tenon_vec_push(&r->attestations, kept);
    return TENON_OK;
}

const struct tenon_attestation *
tenon_result_attestation(const struct tenon_result *r, const char *platform, size_t i)
{
    tenon_vec_foreach(x, &r->attestations)
        if (!strcmp(x->platform, platform) && i-- == 0)
            return &x->a;
    return NULL;
}
