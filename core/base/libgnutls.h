/* base/libgnutls.h - gnutls, loaded when it is first called: it and the eight libraries below it
 * are a third of what it takes to start the command, and most runs meet neither TLS nor a
 * signature (the HTTP library brings it along beside the build).
 *
 * Include this in place of gnutls's headers and call it as anybody does. Nothing of the core, the
 * command and the server is linked with it, so that the linker refuses what is not in the two
 * lists. SHA-256 is in base/digest.h. */
#ifndef TENON_BASE_LIBGNUTLS_H
#define TENON_BASE_LIBGNUTLS_H

#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "base/error.h"

#define TENON_GNUTLS_FUNCTIONS(X) \
    X(alert_send) X(alpn_set_protocols) X(base64_decode2) X(bye) \
    X(certificate_allocate_credentials) X(certificate_free_credentials) \
    X(certificate_get_peers) X(certificate_server_set_request) \
    X(certificate_set_x509_key_file) X(certificate_set_x509_system_trust) \
    X(certificate_set_x509_trust_file) X(certificate_set_x509_trust_mem) \
    X(certificate_verification_status_print) X(certificate_verify_peers3) \
    X(check_version) X(credentials_set) X(decode_rs_value) X(deinit) X(error_is_fatal) \
    X(error_to_alert) X(handshake) X(handshake_set_timeout) X(init) \
    X(pem_base64_decode2) X(pk_get_name) X(priority_deinit) X(priority_init2) \
    X(priority_set) X(privkey_deinit) X(privkey_get_pk_algorithm) \
    X(privkey_import_ecc_raw) X(privkey_import_rsa_raw) X(privkey_import_x509) \
    X(privkey_init) X(privkey_sign_data2) X(pubkey_deinit) X(pubkey_export2) \
    X(pubkey_export_ecc_raw2) X(pubkey_export_rsa_raw2) X(pubkey_get_pk_algorithm) \
    X(pubkey_import) X(pubkey_import_privkey) X(pubkey_import_x509) X(pubkey_init) \
    X(pubkey_verify_data2) X(record_get_direction) X(record_recv) X(record_send) \
    X(server_name_set) X(session_get_verify_cert_status) X(session_set_verify_cert2) \
    X(set_default_priority) X(transport_set_int2) X(strerror) \
    X(x509_crt_check_key_purpose) X(x509_crt_deinit) \
    X(x509_crt_export2) X(x509_crt_get_activation_time) X(x509_crt_get_dn) \
    X(x509_crt_get_dn3) X(x509_crt_get_expiration_time) X(x509_crt_get_fingerprint) \
    X(x509_crt_get_issuer_dn) X(x509_crt_get_issuer_dn3) X(x509_crt_get_key_usage) \
    X(x509_crt_get_subject_alt_name) X(x509_crt_get_subject_alt_name2) \
    X(x509_crt_import) X(x509_crt_init) X(x509_crt_list_import2) X(x509_privkey_deinit) \
    X(x509_privkey_import) X(x509_privkey_import2) X(x509_privkey_init) \
    X(x509_trust_list_add_cas) X(x509_trust_list_deinit) X(x509_trust_list_init) \
    X(x509_trust_list_verify_crt2)

struct tenon_gnutls_functions {
#define X(name) __typeof__(gnutls_##name) *name##_;
    TENON_GNUTLS_FUNCTIONS(X)
#undef X
    gnutls_free_function *free_;
};

/* 0 when it is there; UNSUPPORTED says what is missing.  Any thread. */
int tenon_gnutls_try(struct tenon_error *err);
/* The library; without it the process ends with a message, as one that is linked with it would.
 * Any thread. Not between fork and exec. */
const struct tenon_gnutls_functions *tenon_gnutls(void) __attribute__((returns_nonnull));

#define gnutls_alert_send tenon_gnutls()->alert_send_
#define gnutls_alpn_set_protocols tenon_gnutls()->alpn_set_protocols_
#define gnutls_base64_decode2 tenon_gnutls()->base64_decode2_
#define gnutls_bye tenon_gnutls()->bye_
#define gnutls_certificate_allocate_credentials tenon_gnutls()->certificate_allocate_credentials_
#define gnutls_certificate_free_credentials tenon_gnutls()->certificate_free_credentials_
#define gnutls_certificate_get_peers tenon_gnutls()->certificate_get_peers_
#define gnutls_certificate_server_set_request tenon_gnutls()->certificate_server_set_request_
#define gnutls_certificate_set_x509_key_file tenon_gnutls()->certificate_set_x509_key_file_
#define gnutls_certificate_set_x509_system_trust tenon_gnutls()->certificate_set_x509_system_trust_
#define gnutls_certificate_set_x509_trust_file tenon_gnutls()->certificate_set_x509_trust_file_
#define gnutls_certificate_set_x509_trust_mem tenon_gnutls()->certificate_set_x509_trust_mem_
#define gnutls_certificate_verification_status_print \
    tenon_gnutls()->certificate_verification_status_print_
#define gnutls_certificate_verify_peers3 tenon_gnutls()->certificate_verify_peers3_
#define gnutls_check_version tenon_gnutls()->check_version_
#define gnutls_credentials_set tenon_gnutls()->credentials_set_
#define gnutls_decode_rs_value tenon_gnutls()->decode_rs_value_
#define gnutls_deinit tenon_gnutls()->deinit_
#define gnutls_error_is_fatal tenon_gnutls()->error_is_fatal_
#define gnutls_error_to_alert tenon_gnutls()->error_to_alert_
#define gnutls_handshake tenon_gnutls()->handshake_
#define gnutls_handshake_set_timeout tenon_gnutls()->handshake_set_timeout_
#define gnutls_init tenon_gnutls()->init_
#define gnutls_pem_base64_decode2 tenon_gnutls()->pem_base64_decode2_
#define gnutls_pk_get_name tenon_gnutls()->pk_get_name_
#define gnutls_priority_deinit tenon_gnutls()->priority_deinit_
#define gnutls_priority_init2 tenon_gnutls()->priority_init2_
#define gnutls_priority_set tenon_gnutls()->priority_set_
#define gnutls_privkey_deinit tenon_gnutls()->privkey_deinit_
#define gnutls_privkey_get_pk_algorithm tenon_gnutls()->privkey_get_pk_algorithm_
#define gnutls_privkey_import_ecc_raw tenon_gnutls()->privkey_import_ecc_raw_
#define gnutls_privkey_import_rsa_raw tenon_gnutls()->privkey_import_rsa_raw_
#define gnutls_privkey_import_x509 tenon_gnutls()->privkey_import_x509_
#define gnutls_privkey_init tenon_gnutls()->privkey_init_
#define gnutls_privkey_sign_data2 tenon_gnutls()->privkey_sign_data2_
#define gnutls_pubkey_deinit tenon_gnutls()->pubkey_deinit_
#define gnutls_pubkey_export2 tenon_gnutls()->pubkey_export2_
#define gnutls_pubkey_export_ecc_raw2 tenon_gnutls()->pubkey_export_ecc_raw2_
#define gnutls_pubkey_export_rsa_raw2 tenon_gnutls()->pubkey_export_rsa_raw2_
#define gnutls_pubkey_get_pk_algorithm tenon_gnutls()->pubkey_get_pk_algorithm_
#define gnutls_pubkey_import tenon_gnutls()->pubkey_import_
#define gnutls_pubkey_import_privkey tenon_gnutls()->pubkey_import_privkey_
#define gnutls_pubkey_import_x509 tenon_gnutls()->pubkey_import_x509_
#define gnutls_pubkey_init tenon_gnutls()->pubkey_init_
#define gnutls_pubkey_verify_data2 tenon_gnutls()->pubkey_verify_data2_
#define gnutls_record_get_direction tenon_gnutls()->record_get_direction_
#define gnutls_record_recv tenon_gnutls()->record_recv_
#define gnutls_record_send tenon_gnutls()->record_send_
#define gnutls_server_name_set tenon_gnutls()->server_name_set_
#define gnutls_session_get_verify_cert_status tenon_gnutls()->session_get_verify_cert_status_
#define gnutls_session_set_verify_cert2 tenon_gnutls()->session_set_verify_cert2_
#define gnutls_set_default_priority tenon_gnutls()->set_default_priority_
#define gnutls_strerror tenon_gnutls()->strerror_
#define gnutls_transport_set_int2 tenon_gnutls()->transport_set_int2_
#define gnutls_x509_crt_check_key_purpose tenon_gnutls()->x509_crt_check_key_purpose_
#define gnutls_x509_crt_deinit tenon_gnutls()->x509_crt_deinit_
#define gnutls_x509_crt_export2 tenon_gnutls()->x509_crt_export2_
#define gnutls_x509_crt_get_activation_time tenon_gnutls()->x509_crt_get_activation_time_
#define gnutls_x509_crt_get_dn tenon_gnutls()->x509_crt_get_dn_
#define gnutls_x509_crt_get_dn3 tenon_gnutls()->x509_crt_get_dn3_
#define gnutls_x509_crt_get_expiration_time tenon_gnutls()->x509_crt_get_expiration_time_
#define gnutls_x509_crt_get_fingerprint tenon_gnutls()->x509_crt_get_fingerprint_
#define gnutls_x509_crt_get_issuer_dn tenon_gnutls()->x509_crt_get_issuer_dn_
#define gnutls_x509_crt_get_issuer_dn3 tenon_gnutls()->x509_crt_get_issuer_dn3_
#define gnutls_x509_crt_get_key_usage tenon_gnutls()->x509_crt_get_key_usage_
#define gnutls_x509_crt_get_subject_alt_name tenon_gnutls()->x509_crt_get_subject_alt_name_
#define gnutls_x509_crt_get_subject_alt_name2 tenon_gnutls()->x509_crt_get_subject_alt_name2_
#define gnutls_x509_crt_import tenon_gnutls()->x509_crt_import_
#define gnutls_x509_crt_init tenon_gnutls()->x509_crt_init_
#define gnutls_x509_crt_list_import2 tenon_gnutls()->x509_crt_list_import2_
#define gnutls_x509_privkey_deinit tenon_gnutls()->x509_privkey_deinit_
#define gnutls_x509_privkey_import tenon_gnutls()->x509_privkey_import_
#define gnutls_x509_privkey_import2 tenon_gnutls()->x509_privkey_import2_
#define gnutls_x509_privkey_init tenon_gnutls()->x509_privkey_init_
#define gnutls_x509_trust_list_add_cas tenon_gnutls()->x509_trust_list_add_cas_
#define gnutls_x509_trust_list_deinit tenon_gnutls()->x509_trust_list_deinit_
#define gnutls_x509_trust_list_init tenon_gnutls()->x509_trust_list_init_
#define gnutls_x509_trust_list_verify_crt2 tenon_gnutls()->x509_trust_list_verify_crt2_
#define gnutls_free (*tenon_gnutls()->free_)

#endif
