/* engine/attestation.h - what is said about a result: kept as it was said (attestation.c), and
 * as the statements that leave with an export (statement.c). */
#ifndef TENON_ENGINE_ATTESTATION_H
#define TENON_ENGINE_ATTESTATION_H

#include "engine/result.h"
#include "image/image.h"
#include "tenon-plugin.h"

/* Predicates of these types are the build's own to make. */
#define TENON_SLSA_PREFIX "https://slsa.dev/provenance/"

/* For the host table. */
int tenon_result_attest(struct tenon_result *r, const char *platform,
                        const struct tenon_attestation *a, struct tenon_error *err);
const struct tenon_attestation *
tenon_result_attestation(const struct tenon_result *r, const char *platform, size_t i);
int tenon_host_result_statements(struct tenon_ctx *ctx, struct tenon_result *r, size_t i,
                                 const struct tenon_subject *self, size_t self_count,
                                 const struct tenon_statement **out, size_t *count,
                                 struct tenon_error *err);

void tenon_attestation_release(struct tenon_attestation *a);
/* The value of KEY=VALUE in its metadata, or NULL. */
const char *tenon_attestation_meta(const struct tenon_attestation *a, const char *key);

/* Has the platform any, with (inline_too) or without those that are kept with an image only
 * when it is an index anyway? */
bool tenon_result_is_attested(const struct tenon_result *r, const char *platform,
                              bool inline_too);
/* The statements about one platform's result, one compact JSON text each, in the order in which
 * they are stored.  self: what is exported.  Runs what the attestations need. */
typedef TENON_VEC(struct tenon_image_statement) tenon_statements;
int tenon_statements_make(struct tenon_ctx *ctx, const struct tenon_result *r,
                          const char *platform, bool inline_too,
                          const struct tenon_subject *self, size_t self_count,
                          tenon_statements *out, struct tenon_error *err);
void tenon_statements_release(tenon_statements *s);

#endif
