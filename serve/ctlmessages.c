/* serve/ctlmessages.c - the fields of each message, by their numbers. */
#include "ctlmessages.h"

#define FIELDS static const struct message_field
#define INFO(name) \
    static const struct message_type_info name##_message = MESSAGE_INFO(name, name##_fields)
#define SPOKEN(name) \
    const struct message_type_info name##_message = MESSAGE_INFO(name, name##_fields)

const struct message_type_info ctl_none_message = {.size = sizeof(struct ctl_none)};

FIELDS ctl_health_fields[] = {MESSAGE_FIELD(1, INT, ctl_health, status)};
SPOKEN(ctl_health);

FIELDS ctl_bytes_fields[] = {MESSAGE_FIELD(1, BYTES, ctl_bytes, data)};
SPOKEN(ctl_bytes);

FIELDS ctl_blob_fields[] = {
    MESSAGE_FIELD(1, STRING, ctl_blob, key),
    MESSAGE_FIELD(2, BYTES, ctl_blob, value),
};
INFO(ctl_blob);

/* ---- who we are ---------------------------------------------------------- */

FIELDS ctl_version_fields[] = {
    MESSAGE_FIELD(1, STRING, ctl_version, package),
    MESSAGE_FIELD(2, STRING, ctl_version, version),
    MESSAGE_FIELD(3, STRING, ctl_version, revision),
    MESSAGE_FIELD(4, STRING, ctl_version, dockerfile),
};
INFO(ctl_version);

FIELDS ctl_info_fields[] = {MESSAGE_OF(1, ONE, ctl_info, version, ctl_version_message)};
SPOKEN(ctl_info);

FIELDS ctl_platform_fields[] = {
    MESSAGE_FIELD(1, STRING, ctl_platform, arch),
    MESSAGE_FIELD(2, STRING, ctl_platform, os),
    MESSAGE_FIELD(3, STRING, ctl_platform, variant),
};
INFO(ctl_platform);

FIELDS ctl_device_fields[] = {
    MESSAGE_FIELD(1, STRING, ctl_device, name),
    MESSAGE_FIELD(2, BOOL, ctl_device, is_free),
    MESSAGE_OF(3, MANY, ctl_device, annotations, ctl_pair_message),
};
INFO(ctl_device);

FIELDS ctl_worker_fields[] = {
    MESSAGE_FIELD(1, STRING, ctl_worker, id),
    MESSAGE_OF(2, MANY, ctl_worker, labels, ctl_pair_message),
    MESSAGE_OF(3, MANY, ctl_worker, platforms, ctl_platform_message),
    MESSAGE_OF(5, ONE, ctl_worker, version, ctl_version_message),
    MESSAGE_OF(6, MANY, ctl_worker, devices, ctl_device_message),
};
INFO(ctl_worker);

FIELDS ctl_workers_fields[] = {MESSAGE_OF(1, MANY, ctl_workers, records, ctl_worker_message)};
SPOKEN(ctl_workers);

FIELDS ctl_list_workers_fields[] = {MESSAGE_FIELD(1, STRINGS, ctl_list_workers, filters)};
SPOKEN(ctl_list_workers);

/* ---- the store ----------------------------------------------------------- */

FIELDS ctl_disk_usage_fields[] = {
    MESSAGE_FIELD(1, STRINGS, ctl_disk_usage, filters),
    MESSAGE_FIELD(2, INT, ctl_disk_usage, age_limit),
};
SPOKEN(ctl_disk_usage);

FIELDS ctl_usage_fields[] = {
    MESSAGE_FIELD(1, STRING, ctl_usage, id),
    MESSAGE_FIELD(2, BOOL, ctl_usage, is_mutable),
    MESSAGE_FIELD(3, BOOL, ctl_usage, in_use),
    MESSAGE_FIELD(4, INT, ctl_usage, size),
    MESSAGE_OF(6, ONE, ctl_usage, created, ctl_time_message),
    MESSAGE_OF(7, ONE, ctl_usage, last_used, ctl_time_message),
    MESSAGE_FIELD(8, INT, ctl_usage, use_count),
    MESSAGE_FIELD(9, STRING, ctl_usage, description),
    MESSAGE_FIELD(10, STRING, ctl_usage, type),
    MESSAGE_FIELD(11, BOOL, ctl_usage, shared),
    MESSAGE_FIELD(12, STRINGS, ctl_usage, parents),
};
SPOKEN(ctl_usage);

FIELDS ctl_usages_fields[] = {MESSAGE_OF(1, MANY, ctl_usages, records, ctl_usage_message)};
SPOKEN(ctl_usages);

FIELDS ctl_prune_fields[] = {
    MESSAGE_FIELD(1, STRINGS, ctl_prune, filters),
    MESSAGE_FIELD(2, BOOL, ctl_prune, all),
    MESSAGE_FIELD(3, INT, ctl_prune, keep_duration),
    MESSAGE_FIELD(4, INT, ctl_prune, reserved),
    MESSAGE_FIELD(5, INT, ctl_prune, max_used),
    MESSAGE_FIELD(6, INT, ctl_prune, min_free),
};
SPOKEN(ctl_prune);

/* ---- Solve --------------------------------------------------------------- */

FIELDS ctl_cache_fields[] = {
    MESSAGE_OF(4, MANY, ctl_cache, exports, ctl_typed_message),
    MESSAGE_OF(5, MANY, ctl_cache, imports, ctl_typed_message),
};
INFO(ctl_cache);

FIELDS ctl_solve_fields[] = {
    MESSAGE_FIELD(1, STRING, ctl_solve, ref),
    MESSAGE_FIELD(2, BYTES, ctl_solve, definition),
    MESSAGE_FIELD(3, STRING, ctl_solve, old_exporter),
    MESSAGE_OF(4, MANY, ctl_solve, old_exporter_attrs, ctl_pair_message),
    MESSAGE_FIELD(5, STRING, ctl_solve, session),
    MESSAGE_FIELD(6, STRING, ctl_solve, frontend),
    MESSAGE_OF(7, MANY, ctl_solve, options, ctl_pair_message),
    MESSAGE_OF(8, ONE, ctl_solve, cache, ctl_cache_message),
    MESSAGE_FIELD(9, STRINGS, ctl_solve, entitlements),
    MESSAGE_OF(10, MANY, ctl_solve, inputs, ctl_blob_message),
    MESSAGE_FIELD(11, BOOL, ctl_solve, is_internal),
    MESSAGE_FIELD(12, BYTES, ctl_solve, policy),
    MESSAGE_OF(13, MANY, ctl_solve, exporters, ctl_typed_message),
    MESSAGE_FIELD(14, BOOL, ctl_solve, session_exporter),
    MESSAGE_FIELD(15, STRING, ctl_solve, policy_session),
    MESSAGE_FIELD(16, INT, ctl_solve, compatibility),
    MESSAGE_FIELD(17, BOOL, ctl_solve, proxy_network),
};
SPOKEN(ctl_solve);

FIELDS ctl_solved_fields[] = {MESSAGE_OF(1, MANY, ctl_solved, response, ctl_pair_message)};
SPOKEN(ctl_solved);

FIELDS ctl_history_fields[] = {
    MESSAGE_FIELD(1, BOOL, ctl_history, active_only),
    MESSAGE_FIELD(2, STRING, ctl_history, ref),
    MESSAGE_FIELD(3, BOOL, ctl_history, early_exit),
    MESSAGE_FIELD(4, STRINGS, ctl_history, filters),
    MESSAGE_FIELD(5, INT, ctl_history, limit),
};
SPOKEN(ctl_history);

FIELDS ctl_event_fields[] = {
    MESSAGE_FIELD(1, INT, ctl_event, type),
    MESSAGE_OF(2, ONE, ctl_event, record, ctl_record_message),
};
SPOKEN(ctl_event);

FIELDS ctl_update_fields[] = {
    MESSAGE_FIELD(1, STRING, ctl_update, ref),
    MESSAGE_FIELD(2, BOOL, ctl_update, pinned),
    MESSAGE_FIELD(3, BOOL, ctl_update, is_removal),
    MESSAGE_FIELD(4, BOOL, ctl_update, finalizes),
};
SPOKEN(ctl_update);

/* ---- contents ------------------------------------------------------------ */

FIELDS cnt_digest_fields[] = {MESSAGE_FIELD(1, STRING, cnt_digest, digest)};
SPOKEN(cnt_digest);

FIELDS cnt_info_fields[] = {
    MESSAGE_FIELD(1, STRING, cnt_info, digest),
    MESSAGE_FIELD(2, INT, cnt_info, size),
    MESSAGE_OF(3, ONE, cnt_info, created, ctl_time_message),
    MESSAGE_OF(4, ONE, cnt_info, updated, ctl_time_message),
};
INFO(cnt_info);

FIELDS cnt_info_answer_fields[] = {MESSAGE_OF(1, ONE, cnt_info_answer, info, cnt_info_message)};
SPOKEN(cnt_info_answer);

FIELDS cnt_list_fields[] = {MESSAGE_FIELD(1, STRINGS, cnt_list, filters)};
SPOKEN(cnt_list);

FIELDS cnt_infos_fields[] = {MESSAGE_OF(1, MANY, cnt_infos, infos, cnt_info_message)};
SPOKEN(cnt_infos);

FIELDS cnt_read_fields[] = {
    MESSAGE_FIELD(1, STRING, cnt_read, digest),
    MESSAGE_FIELD(2, INT, cnt_read, offset),
    MESSAGE_FIELD(3, INT, cnt_read, size),
};
SPOKEN(cnt_read);

FIELDS cnt_piece_fields[] = {
    MESSAGE_FIELD(1, INT, cnt_piece, offset),
    MESSAGE_FIELD(2, BYTES, cnt_piece, data),
};
SPOKEN(cnt_piece);

/* ---- Status -------------------------------------------------------------- */

FIELDS ctl_status_fields[] = {MESSAGE_FIELD(1, STRING, ctl_status, ref)};
SPOKEN(ctl_status);

/* ---- a session's services ------------------------------------------------ */

FIELDS ses_id_fields[] = {MESSAGE_FIELD(1, STRING, ses_id, id)};
SPOKEN(ses_id);

FIELDS ses_secret_fields[] = {MESSAGE_FIELD(1, BYTES, ses_secret, data)};
SPOKEN(ses_secret);

FIELDS ses_credentials_fields[] = {
    MESSAGE_FIELD(1, STRING, ses_credentials, user),
    MESSAGE_FIELD(2, STRING, ses_credentials, secret),
};
SPOKEN(ses_credentials);

FIELDS ses_authority_ask_fields[] = {
    MESSAGE_FIELD(1, STRING, ses_authority_ask, host),
    MESSAGE_FIELD(2, BYTES, ses_authority_ask, salt),
};
SPOKEN(ses_authority_ask);

FIELDS ses_authority_fields[] = {MESSAGE_FIELD(1, BYTES, ses_authority, key)};
SPOKEN(ses_authority);

FIELDS ses_token_ask_fields[] = {
    MESSAGE_FIELD(1, STRING, ses_token_ask, client),
    MESSAGE_FIELD(2, STRING, ses_token_ask, host),
    MESSAGE_FIELD(3, STRING, ses_token_ask, realm),
    MESSAGE_FIELD(4, STRING, ses_token_ask, service),
    MESSAGE_FIELD(5, STRINGS, ses_token_ask, scopes),
};
SPOKEN(ses_token_ask);

FIELDS ses_token_fields[] = {
    MESSAGE_FIELD(1, STRING, ses_token, token),
    MESSAGE_FIELD(2, INT, ses_token, seconds),
    MESSAGE_FIELD(3, INT, ses_token, issued),
};
SPOKEN(ses_token);

FIELDS ses_find_fields[] = {
    MESSAGE_OF(1, MANY, ses_find, metadata, ctl_blob_message),
    MESSAGE_FIELD(2, STRINGS, ses_find, refs),
};
SPOKEN(ses_find);

FIELDS ses_found_fields[] = {MESSAGE_OF(1, MANY, ses_found, exporters, ctl_typed_message)};
SPOKEN(ses_found);

FIELDS ses_xattr_fields[] = {
    MESSAGE_FIELD(1, STRING, ses_xattr, name),
    MESSAGE_FIELD(2, BYTES, ses_xattr, value),
};
INFO(ses_xattr);

FIELDS ses_stat_fields[] = {
    MESSAGE_FIELD(1, STRING, ses_stat, path),
    MESSAGE_FIELD(2, INT, ses_stat, mode),
    MESSAGE_FIELD(3, INT, ses_stat, uid),
    MESSAGE_FIELD(4, INT, ses_stat, gid),
    MESSAGE_FIELD(5, INT, ses_stat, size),
    MESSAGE_FIELD(6, INT, ses_stat, mtime_ns),
    MESSAGE_FIELD(7, STRING, ses_stat, link),
    MESSAGE_FIELD(8, INT, ses_stat, dev_major),
    MESSAGE_FIELD(9, INT, ses_stat, dev_minor),
    MESSAGE_OF(10, MANY, ses_stat, xattrs, ses_xattr_message),
};
SPOKEN(ses_stat);

FIELDS ses_packet_fields[] = {
    MESSAGE_FIELD(1, INT, ses_packet, type),
    MESSAGE_OF(2, ONE, ses_packet, stat, ses_stat_message),
    MESSAGE_FIELD(3, INT, ses_packet, id),
    MESSAGE_FIELD(4, BYTES, ses_packet, data),
};
SPOKEN(ses_packet);

FIELDS ses_read_fields[] = {MESSAGE_FIELD(1, STRING, ses_read, digest)};
SPOKEN(ses_read);

FIELDS ses_piece_fields[] = {MESSAGE_FIELD(2, BYTES, ctl_bytes, data)}; /* the same of a blob */
const struct message_type_info ses_piece_message = MESSAGE_INFO(ctl_bytes, ses_piece_fields);

FIELDS ses_write_fields[] = {
    MESSAGE_FIELD(1, INT, ses_write, action),
    MESSAGE_FIELD(2, STRING, ses_write, ref),
    MESSAGE_FIELD(3, INT, ses_write, total),
    MESSAGE_FIELD(4, STRING, ses_write, expected),
    MESSAGE_FIELD(5, INT, ses_write, offset),
    MESSAGE_FIELD(6, BYTES, ses_write, data),
};
SPOKEN(ses_write);

FIELDS ses_written_fields[] = {MESSAGE_FIELD(1, INT, ses_written, action)};
SPOKEN(ses_written);
