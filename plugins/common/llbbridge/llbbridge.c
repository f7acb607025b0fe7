/* common/llbbridge/llbbridge.c - the fields of each message, by their numbers. */
#include "llbbridge.h"

#define FIELDS static const struct message_field
#define INFO(name) \
    static const struct message_type_info name##_message = MESSAGE_INFO(name, name##_fields)
#define SERVED(name) \
    const struct message_type_info name##_message = MESSAGE_INFO(name, name##_fields)

const struct message_type_info gw_none_message = {.size = sizeof(struct gw_none)};

FIELDS gw_health_fields[] = {MESSAGE_FIELD(1, INT, gw_health, status)};
SERVED(gw_health);

FIELDS gw_pair_fields[] = {
    MESSAGE_FIELD(1, STRING, gw_pair, key),
    MESSAGE_FIELD(2, STRING, gw_pair, value),
};
INFO(gw_pair);

FIELDS gw_blob_fields[] = {
    MESSAGE_FIELD(1, STRING, gw_blob, key),
    MESSAGE_FIELD(2, BYTES, gw_blob, value),
};
INFO(gw_blob);

FIELDS gw_platform_fields[] = {
    MESSAGE_FIELD(1, STRING, gw_platform, arch),
    MESSAGE_FIELD(2, STRING, gw_platform, os),
    MESSAGE_FIELD(3, STRING, gw_platform, variant),
    MESSAGE_FIELD(4, STRING, gw_platform, os_version),
};
SERVED(gw_platform);

FIELDS gw_worker_fields[] = {
    MESSAGE_FIELD(1, STRING, gw_worker, id),
    MESSAGE_OF(3, MANY, gw_worker, platforms, gw_platform_message),
};
INFO(gw_worker);

FIELDS gw_cap_fields[] = {
    MESSAGE_FIELD(1, STRING, gw_cap, id),
    MESSAGE_FIELD(2, BOOL, gw_cap, enabled),
};
INFO(gw_cap);

FIELDS gw_pong_fields[] = {
    MESSAGE_OF(1, MANY, gw_pong, frontend_caps, gw_cap_message),
    MESSAGE_OF(2, MANY, gw_pong, llb_caps, gw_cap_message),
    MESSAGE_OF(3, MANY, gw_pong, workers, gw_worker_message),
};
SERVED(gw_pong);

FIELDS gw_inputs_fields[] = {MESSAGE_OF(1, MANY, gw_inputs, definitions, gw_blob_message)};
SERVED(gw_inputs);

FIELDS gw_ref_fields[] = {
    MESSAGE_FIELD(1, STRING, gw_ref, id),
    MESSAGE_FIELD(2, BYTES, gw_ref, def),
};
INFO(gw_ref);

FIELDS gw_named_ref_fields[] = {
    MESSAGE_FIELD(1, STRING, gw_named_ref, key),
    MESSAGE_OF(2, ONE, gw_named_ref, value, gw_ref_message),
};
INFO(gw_named_ref);

FIELDS gw_refs_fields[] = {MESSAGE_OF(1, MANY, gw_refs, refs, gw_named_ref_message)};
INFO(gw_refs);

FIELDS gw_old_refs_fields[] = {MESSAGE_OF(1, MANY, gw_old_refs, refs, gw_pair_message)};
INFO(gw_old_refs);

FIELDS gw_subject_fields[] = {
    MESSAGE_FIELD(1, INT, gw_subject, kind),
    MESSAGE_FIELD(2, STRINGS, gw_subject, digests),
    MESSAGE_FIELD(3, STRING, gw_subject, name),
};
INFO(gw_subject);

FIELDS gw_attestation_fields[] = {
    MESSAGE_FIELD(1, INT, gw_attestation, kind),
    MESSAGE_OF(2, MANY, gw_attestation, metadata, gw_blob_message),
    MESSAGE_OF(3, ONE, gw_attestation, ref, gw_ref_message),
    MESSAGE_FIELD(4, STRING, gw_attestation, path),
    MESSAGE_FIELD(5, STRING, gw_attestation, predicate_type),
    MESSAGE_OF(6, MANY, gw_attestation, subjects, gw_subject_message),
};
INFO(gw_attestation);

FIELDS gw_attestations_fields[] = {
    MESSAGE_OF(1, MANY, gw_attestations, all, gw_attestation_message),
};
INFO(gw_attestations);

FIELDS gw_attested_fields[] = {
    MESSAGE_FIELD(1, STRING, gw_attested, key),
    MESSAGE_OF(2, ONE, gw_attested, value, gw_attestations_message),
};
INFO(gw_attested);

FIELDS gw_result_fields[] = {
    MESSAGE_FIELD(1, STRING, gw_result, old_ref),
    MESSAGE_OF(2, ONE, gw_result, old_refs, gw_old_refs_message),
    MESSAGE_OF(3, ONE, gw_result, ref, gw_ref_message),
    MESSAGE_OF(4, ONE, gw_result, refs, gw_refs_message),
    MESSAGE_OF(10, MANY, gw_result, metadata, gw_blob_message),
    MESSAGE_OF(12, MANY, gw_result, attestations, gw_attested_message),
};
INFO(gw_result);

FIELDS gw_import_fields[] = {
    MESSAGE_FIELD(1, STRING, gw_import, type),
    MESSAGE_OF(2, MANY, gw_import, attrs, gw_pair_message),
};
INFO(gw_import);

FIELDS gw_constraint_fields[] = {
    MESSAGE_FIELD(1, STRING, gw_constraint, key),
    MESSAGE_FIELD(2, STRING, gw_constraint, value),
    MESSAGE_FIELD(3, INT, gw_constraint, condition),
};
INFO(gw_constraint);

FIELDS gw_selector_fields[] = {
    MESSAGE_FIELD(1, STRING, gw_selector, identifier),
    MESSAGE_FIELD(2, INT, gw_selector, match),
    MESSAGE_OF(3, MANY, gw_selector, constraints, gw_constraint_message),
};
INFO(gw_selector);

FIELDS gw_updates_fields[] = {
    MESSAGE_FIELD(1, STRING, gw_updates, identifier),
    MESSAGE_OF(2, MANY, gw_updates, attrs, gw_pair_message),
};
INFO(gw_updates);

FIELDS gw_rule_fields[] = {
    MESSAGE_FIELD(1, INT, gw_rule, action),
    MESSAGE_OF(2, ONE, gw_rule, selector, gw_selector_message),
    MESSAGE_OF(3, ONE, gw_rule, updates, gw_updates_message),
};
INFO(gw_rule);

FIELDS gw_policy_fields[] = {
    MESSAGE_FIELD(1, INT, gw_policy, version),
    MESSAGE_OF(2, MANY, gw_policy, rules, gw_rule_message),
};
SERVED(gw_policy);

FIELDS gw_solve_fields[] = {
    MESSAGE_FIELD(1, BYTES, gw_solve, definition),
    MESSAGE_FIELD(2, STRING, gw_solve, frontend),
    MESSAGE_OF(3, MANY, gw_solve, options, gw_pair_message),
    MESSAGE_FIELD(5, BOOL, gw_solve, allow_result),
    MESSAGE_FIELD(6, BOOL, gw_solve, allow_refs),
    MESSAGE_FIELD(10, BOOL, gw_solve, final),
    MESSAGE_FIELD(11, BYTES, gw_solve, exporter_attr),
    MESSAGE_OF(12, MANY, gw_solve, imports, gw_import_message),
    MESSAGE_OF(13, MANY, gw_solve, inputs, gw_blob_message),
    MESSAGE_FIELD(14, BOOL, gw_solve, evaluate),
    MESSAGE_OF(15, MANY, gw_solve, policies, gw_policy_message),
};
SERVED(gw_solve);

FIELDS gw_solved_fields[] = {
    MESSAGE_FIELD(1, STRING, gw_solved, ref),
    MESSAGE_OF(3, ONE, gw_solved, result, gw_result_message),
};
SERVED(gw_solved);

FIELDS gw_any_fields[] = {
    MESSAGE_FIELD(1, STRING, gw_any, type),
    MESSAGE_FIELD(2, BYTES, gw_any, value),
};
INFO(gw_any);

FIELDS gw_status_fields[] = {
    MESSAGE_FIELD(1, INT, gw_status, code),
    MESSAGE_FIELD(2, STRING, gw_status, message),
    MESSAGE_OF(3, MANY, gw_status, details, gw_any_message),
};
SERVED(gw_status);

FIELDS gw_return_fields[] = {
    MESSAGE_OF(1, ONE, gw_return, result, gw_result_message),
    MESSAGE_OF(2, ONE, gw_return, error, gw_status_message),
};
SERVED(gw_return);

FIELDS gw_range_fields[] = {
    MESSAGE_FIELD(1, INT, gw_range, offset),
    MESSAGE_FIELD(2, INT, gw_range, length),
};
INFO(gw_range);

FIELDS gw_read_file_fields[] = {
    MESSAGE_FIELD(1, STRING, gw_read_file, ref),
    MESSAGE_FIELD(2, STRING, gw_read_file, path),
    MESSAGE_OF(3, ONE, gw_read_file, range, gw_range_message),
    MESSAGE_FIELD(4, INT, gw_read_file, mount),
};
SERVED(gw_read_file);

FIELDS gw_file_fields[] = {MESSAGE_FIELD(1, BYTES, gw_file, data)};
SERVED(gw_file);

FIELDS gw_read_dir_fields[] = {
    MESSAGE_FIELD(1, STRING, gw_read_dir, ref),
    MESSAGE_FIELD(2, STRING, gw_read_dir, path),
    MESSAGE_FIELD(3, STRING, gw_read_dir, pattern),
    MESSAGE_FIELD(4, INT, gw_read_dir, mount),
};
SERVED(gw_read_dir);

FIELDS gw_stat_fields[] = {
    MESSAGE_FIELD(1, STRING, gw_stat, path),
    MESSAGE_FIELD(2, INT, gw_stat, mode),
    MESSAGE_FIELD(3, INT, gw_stat, uid),
    MESSAGE_FIELD(4, INT, gw_stat, gid),
    MESSAGE_FIELD(5, INT, gw_stat, size),
    MESSAGE_FIELD(6, INT, gw_stat, mtime_ns),
    MESSAGE_FIELD(7, STRING, gw_stat, linkname),
    MESSAGE_FIELD(8, INT, gw_stat, dev_major),
    MESSAGE_FIELD(9, INT, gw_stat, dev_minor),
    MESSAGE_OF(10, MANY, gw_stat, xattrs, gw_blob_message),
};
INFO(gw_stat);

FIELDS gw_dir_fields[] = {MESSAGE_OF(1, MANY, gw_dir, entries, gw_stat_message)};
SERVED(gw_dir);

FIELDS gw_stat_file_fields[] = {
    MESSAGE_FIELD(1, STRING, gw_stat_file, ref),
    MESSAGE_FIELD(2, STRING, gw_stat_file, path),
    MESSAGE_FIELD(3, INT, gw_stat_file, mount),
};
SERVED(gw_stat_file);

FIELDS gw_stat_answer_fields[] = {MESSAGE_OF(1, ONE, gw_stat_answer, stat, gw_stat_message)};
SERVED(gw_stat_answer);

FIELDS gw_evaluate_fields[] = {MESSAGE_FIELD(1, STRING, gw_evaluate, ref)};
SERVED(gw_evaluate);

FIELDS gw_source_fields[] = {
    MESSAGE_FIELD(1, STRING, gw_source, identifier),
    MESSAGE_OF(2, MANY, gw_source, attrs, gw_pair_message),
};
SERVED(gw_source);

FIELDS gw_resolve_git_fields[] = {MESSAGE_FIELD(1, BOOL, gw_resolve_git, object)};
INFO(gw_resolve_git);

FIELDS gw_resolve_image_fields[] = {
    MESSAGE_FIELD(1, BOOL, gw_resolve_image, no_config),
    MESSAGE_FIELD(2, BOOL, gw_resolve_image, chain),
    MESSAGE_FIELD(3, STRINGS, gw_resolve_image, predicates),
};
INFO(gw_resolve_image);

FIELDS gw_checksum_fields[] = {
    MESSAGE_FIELD(1, INT, gw_checksum, algorithm),
    MESSAGE_FIELD(2, BYTES, gw_checksum, suffix),
};
INFO(gw_checksum);

FIELDS gw_resolve_http_fields[] = {
    MESSAGE_OF(1, ONE, gw_resolve_http, checksum, gw_checksum_message),
};
INFO(gw_resolve_http);

FIELDS gw_resolve_meta_fields[] = {
    MESSAGE_OF(1, ONE, gw_resolve_meta, source, gw_source_message),
    MESSAGE_OF(2, ONE, gw_resolve_meta, platform, gw_platform_message),
    MESSAGE_FIELD(3, STRING, gw_resolve_meta, log_name),
    MESSAGE_FIELD(4, STRING, gw_resolve_meta, mode),
    MESSAGE_OF(5, ONE, gw_resolve_meta, git, gw_resolve_git_message),
    MESSAGE_OF(6, ONE, gw_resolve_meta, image, gw_resolve_image_message),
    MESSAGE_OF(7, ONE, gw_resolve_meta, http, gw_resolve_http_message),
    MESSAGE_OF(8, MANY, gw_resolve_meta, policies, gw_policy_message),
};
SERVED(gw_resolve_meta);

FIELDS gw_descriptor_fields[] = {
    MESSAGE_FIELD(1, STRING, gw_descriptor, media_type),
    MESSAGE_FIELD(2, STRING, gw_descriptor, digest),
    MESSAGE_FIELD(3, INT, gw_descriptor, size),
};
INFO(gw_descriptor);

FIELDS gw_document_fields[] = {
    MESSAGE_OF(1, ONE, gw_document, descriptor, gw_descriptor_message),
    MESSAGE_FIELD(2, BYTES, gw_document, data),
};
INFO(gw_document);

FIELDS gw_named_document_fields[] = {
    MESSAGE_FIELD(1, STRING, gw_named_document, key),
    MESSAGE_OF(2, ONE, gw_named_document, value, gw_document_message),
};
INFO(gw_named_document);

FIELDS gw_chain_fields[] = {
    MESSAGE_FIELD(1, STRING, gw_chain, root),
    MESSAGE_FIELD(2, STRING, gw_chain, manifest),
    MESSAGE_FIELD(3, STRING, gw_chain, attestation),
    MESSAGE_FIELD(4, STRINGS, gw_chain, signatures),
    MESSAGE_OF(5, MANY, gw_chain, documents, gw_named_document_message),
};
INFO(gw_chain);

FIELDS gw_meta_image_fields[] = {
    MESSAGE_FIELD(1, STRING, gw_meta_image, digest),
    MESSAGE_FIELD(2, BYTES, gw_meta_image, config),
    MESSAGE_OF(3, ONE, gw_meta_image, chain, gw_chain_message),
};
INFO(gw_meta_image);

FIELDS gw_meta_git_fields[] = {
    MESSAGE_FIELD(1, STRING, gw_meta_git, checksum),
    MESSAGE_FIELD(2, STRING, gw_meta_git, ref),
    MESSAGE_FIELD(3, STRING, gw_meta_git, commit_checksum),
    MESSAGE_FIELD(4, BYTES, gw_meta_git, commit),
    MESSAGE_FIELD(5, BYTES, gw_meta_git, tag),
};
INFO(gw_meta_git);

FIELDS gw_time_fields[] = {
    MESSAGE_FIELD(1, INT, gw_time, seconds),
    MESSAGE_FIELD(2, INT, gw_time, nanoseconds),
};
INFO(gw_time);

FIELDS gw_checksum_answer_fields[] = {
    MESSAGE_FIELD(1, STRING, gw_checksum_answer, digest),
    MESSAGE_FIELD(2, BYTES, gw_checksum_answer, suffix),
};
INFO(gw_checksum_answer);

FIELDS gw_meta_http_fields[] = {
    MESSAGE_FIELD(1, STRING, gw_meta_http, checksum),
    MESSAGE_FIELD(2, STRING, gw_meta_http, filename),
    MESSAGE_OF(3, ONE, gw_meta_http, modified, gw_time_message),
    MESSAGE_OF(4, ONE, gw_meta_http, answer, gw_checksum_answer_message),
};
INFO(gw_meta_http);

FIELDS gw_meta_fields[] = {
    MESSAGE_OF(1, ONE, gw_meta, source, gw_source_message),
    MESSAGE_OF(2, ONE, gw_meta, image, gw_meta_image_message),
    MESSAGE_OF(3, ONE, gw_meta, git, gw_meta_git_message),
    MESSAGE_OF(4, ONE, gw_meta, http, gw_meta_http_message),
};
SERVED(gw_meta);

FIELDS gw_resolve_config_fields[] = {
    MESSAGE_FIELD(1, STRING, gw_resolve_config, ref),
    MESSAGE_OF(2, ONE, gw_resolve_config, platform, gw_platform_message),
    MESSAGE_FIELD(3, STRING, gw_resolve_config, mode),
    MESSAGE_FIELD(4, STRING, gw_resolve_config, log_name),
    MESSAGE_OF(8, MANY, gw_resolve_config, policies, gw_policy_message),
};
SERVED(gw_resolve_config);

FIELDS gw_config_fields[] = {
    MESSAGE_FIELD(1, STRING, gw_config, digest),
    MESSAGE_FIELD(2, BYTES, gw_config, config),
    MESSAGE_FIELD(3, STRING, gw_config, ref),
};
SERVED(gw_config);

FIELDS gw_position_fields[] = {MESSAGE_FIELD(1, INT, gw_position, line)};
INFO(gw_position);

FIELDS gw_place_fields[] = {
    MESSAGE_OF(1, ONE, gw_place, start, gw_position_message),
    MESSAGE_OF(2, ONE, gw_place, end, gw_position_message),
};
INFO(gw_place);

FIELDS gw_source_info_fields[] = {
    MESSAGE_FIELD(1, STRING, gw_source_info, filename),
    MESSAGE_FIELD(2, BYTES, gw_source_info, data),
    MESSAGE_FIELD(4, STRING, gw_source_info, language),
};
INFO(gw_source_info);

FIELDS gw_warn_fields[] = {
    MESSAGE_FIELD(1, STRING, gw_warn, digest),
    MESSAGE_FIELD(2, INT, gw_warn, level),
    MESSAGE_FIELD(3, STRING, gw_warn, text),
    MESSAGE_FIELD(4, STRINGS, gw_warn, detail),
    MESSAGE_FIELD(5, STRING, gw_warn, url),
    MESSAGE_OF(6, ONE, gw_warn, info, gw_source_info_message),
    MESSAGE_OF(7, MANY, gw_warn, ranges, gw_place_message),
};
SERVED(gw_warn);

/* ---- containers ---------------------------------------------------------- */

FIELDS gw_cache_opt_fields[] = {
    MESSAGE_FIELD(1, STRING, gw_cache_opt, id),
    MESSAGE_FIELD(2, INT, gw_cache_opt, sharing),
};
INFO(gw_cache_opt);

FIELDS gw_secret_opt_fields[] = {
    MESSAGE_FIELD(1, STRING, gw_secret_opt, id),
    MESSAGE_FIELD(2, INT, gw_secret_opt, uid),
    MESSAGE_FIELD(3, INT, gw_secret_opt, gid),
    MESSAGE_FIELD(4, INT, gw_secret_opt, mode),
    MESSAGE_FIELD(5, BOOL, gw_secret_opt, optional),
};
INFO(gw_secret_opt);

FIELDS gw_tmpfs_opt_fields[] = {MESSAGE_FIELD(1, INT, gw_tmpfs_opt, size)};
INFO(gw_tmpfs_opt);

FIELDS gw_mount_fields[] = {
    MESSAGE_FIELD(1, INT, gw_mount, input),
    MESSAGE_FIELD(2, STRING, gw_mount, selector),
    MESSAGE_FIELD(3, STRING, gw_mount, dest),
    MESSAGE_FIELD(4, INT, gw_mount, output),
    MESSAGE_FIELD(5, BOOL, gw_mount, readonly),
    MESSAGE_FIELD(6, INT, gw_mount, type),
    MESSAGE_OF(19, ONE, gw_mount, tmpfs, gw_tmpfs_opt_message),
    MESSAGE_OF(20, ONE, gw_mount, cache, gw_cache_opt_message),
    MESSAGE_OF(21, ONE, gw_mount, secret, gw_secret_opt_message),
    MESSAGE_OF(22, ONE, gw_mount, ssh, gw_secret_opt_message),
    MESSAGE_FIELD(23, STRING, gw_mount, ref),
};
INFO(gw_mount);

FIELDS gw_host_fields[] = {
    MESSAGE_FIELD(1, STRING, gw_host, host),
    MESSAGE_FIELD(2, STRING, gw_host, ip),
};
INFO(gw_host);

FIELDS gw_device_fields[] = {
    MESSAGE_FIELD(1, STRING, gw_device, name),
    MESSAGE_FIELD(2, BOOL, gw_device, optional),
};
INFO(gw_device);

FIELDS gw_new_container_fields[] = {
    MESSAGE_FIELD(1, STRING, gw_new_container, id),
    MESSAGE_OF(2, MANY, gw_new_container, mounts, gw_mount_message),
    MESSAGE_FIELD(3, INT, gw_new_container, network),
    MESSAGE_OF(4, ONE, gw_new_container, platform, gw_platform_message),
    MESSAGE_OF(6, MANY, gw_new_container, hosts, gw_host_message),
    MESSAGE_FIELD(7, STRING, gw_new_container, hostname),
    MESSAGE_OF(1000, MANY, gw_new_container, devices, gw_device_message),
};
SERVED(gw_new_container);

FIELDS gw_release_container_fields[] = {MESSAGE_FIELD(1, STRING, gw_release_container, id)};
SERVED(gw_release_container);

FIELDS gw_proxy_fields[] = {
    MESSAGE_FIELD(1, STRING, gw_proxy, http),
    MESSAGE_FIELD(2, STRING, gw_proxy, https),
    MESSAGE_FIELD(3, STRING, gw_proxy, ftp),
    MESSAGE_FIELD(4, STRING, gw_proxy, no),
    MESSAGE_FIELD(5, STRING, gw_proxy, all),
};
INFO(gw_proxy);

FIELDS gw_ulimit_fields[] = {
    MESSAGE_FIELD(1, STRING, gw_ulimit, name),
    MESSAGE_FIELD(2, INT, gw_ulimit, soft),
    MESSAGE_FIELD(3, INT, gw_ulimit, hard),
};
INFO(gw_ulimit);

FIELDS gw_process_meta_fields[] = {
    MESSAGE_FIELD(1, STRINGS, gw_process_meta, args),
    MESSAGE_FIELD(2, STRINGS, gw_process_meta, env),
    MESSAGE_FIELD(3, STRING, gw_process_meta, cwd),
    MESSAGE_FIELD(4, STRING, gw_process_meta, user),
    MESSAGE_OF(5, ONE, gw_process_meta, proxy, gw_proxy_message),
    MESSAGE_OF(9, MANY, gw_process_meta, ulimits, gw_ulimit_message),
    MESSAGE_FIELD(10, STRING, gw_process_meta, cgroup_parent),
};
INFO(gw_process_meta);

FIELDS gw_secretenv_fields[] = {
    MESSAGE_FIELD(1, STRING, gw_secretenv, id),
    MESSAGE_FIELD(2, STRING, gw_secretenv, name),
    MESSAGE_FIELD(3, BOOL, gw_secretenv, optional),
};
INFO(gw_secretenv);

FIELDS gw_init_fields[] = {
    MESSAGE_FIELD(1, STRING, gw_init, container),
    MESSAGE_OF(2, ONE, gw_init, meta, gw_process_meta_message),
    MESSAGE_FIELD(3, INTS, gw_init, fds),
    MESSAGE_FIELD(4, BOOL, gw_init, tty),
    MESSAGE_FIELD(5, INT, gw_init, security),
    MESSAGE_OF(6, MANY, gw_init, secretenv, gw_secretenv_message),
};
INFO(gw_init);

FIELDS gw_fd_fields[] = {
    MESSAGE_FIELD(1, INT, gw_fd, fd),
    MESSAGE_FIELD(2, BOOL, gw_fd, eof),
    MESSAGE_FIELD(3, BYTES, gw_fd, data),
};
INFO(gw_fd);

FIELDS gw_resize_fields[] = {
    MESSAGE_FIELD(1, INT, gw_resize, rows),
    MESSAGE_FIELD(2, INT, gw_resize, cols),
};
INFO(gw_resize);

FIELDS gw_exit_fields[] = {
    MESSAGE_FIELD(1, INT, gw_exit, code),
    MESSAGE_OF(2, ONE, gw_exit, error, gw_status_message),
};
INFO(gw_exit);

FIELDS gw_signal_fields[] = {MESSAGE_FIELD(1, STRING, gw_signal, name)};
INFO(gw_signal);

FIELDS gw_exec_fields[] = {
    MESSAGE_FIELD(1, STRING, gw_exec, process),
    MESSAGE_OF(2, ONE, gw_exec, init, gw_init_message),
    MESSAGE_OF(3, ONE, gw_exec, file, gw_fd_message),
    MESSAGE_OF(4, ONE, gw_exec, resize, gw_resize_message),
    MESSAGE_OF(5, ONE, gw_exec, started, gw_none_message),
    MESSAGE_OF(6, ONE, gw_exec, exit, gw_exit_message),
    MESSAGE_OF(7, ONE, gw_exec, done, gw_none_message),
    MESSAGE_OF(8, ONE, gw_exec, signal, gw_signal_message),
};
SERVED(gw_exec);
