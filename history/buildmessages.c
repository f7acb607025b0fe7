/* history/buildmessages.c - the fields of each message, by their numbers. */
#include "buildmessages.h"

#define FIELDS static const struct message_field
#define INFO(name) \
    static const struct message_type_info name##_message = MESSAGE_INFO(name, name##_fields)
#define SPOKEN(name) \
    const struct message_type_info name##_message = MESSAGE_INFO(name, name##_fields)

FIELDS ctl_pair_fields[] = {
    MESSAGE_FIELD(1, STRING, ctl_pair, key),
    MESSAGE_FIELD(2, STRING, ctl_pair, value),
};
SPOKEN(ctl_pair);

FIELDS ctl_time_fields[] = {
    MESSAGE_FIELD(1, INT, ctl_time, seconds),
    MESSAGE_FIELD(2, INT, ctl_time, nanoseconds),
};
SPOKEN(ctl_time);

FIELDS ctl_typed_fields[] = {
    MESSAGE_FIELD(1, STRING, ctl_typed, type),
    MESSAGE_OF(2, MANY, ctl_typed, attrs, ctl_pair_message),
};
SPOKEN(ctl_typed);

/* ---- what happens -------------------------------------------------------- */

FIELDS ctl_group_fields[] = {
    MESSAGE_FIELD(1, STRING, ctl_group, id),
    MESSAGE_FIELD(2, STRING, ctl_group, name),
    MESSAGE_FIELD(3, BOOL, ctl_group, weak),
};
INFO(ctl_group);

FIELDS ctl_vertex_fields[] = {
    MESSAGE_FIELD(1, STRING, ctl_vertex, digest),
    MESSAGE_FIELD(2, STRINGS, ctl_vertex, inputs),
    MESSAGE_FIELD(3, STRING, ctl_vertex, name),
    MESSAGE_FIELD(4, BOOL, ctl_vertex, cached),
    MESSAGE_OF(5, ONE, ctl_vertex, started, ctl_time_message),
    MESSAGE_OF(6, ONE, ctl_vertex, completed, ctl_time_message),
    MESSAGE_FIELD(7, STRING, ctl_vertex, error),
    MESSAGE_OF(8, ONE, ctl_vertex, group, ctl_group_message),
};
INFO(ctl_vertex);

FIELDS ctl_line_fields[] = {
    MESSAGE_FIELD(1, STRING, ctl_line, id),
    MESSAGE_FIELD(2, STRING, ctl_line, vertex),
    MESSAGE_FIELD(3, STRING, ctl_line, name),
    MESSAGE_FIELD(4, INT, ctl_line, current),
    MESSAGE_FIELD(5, INT, ctl_line, total),
    MESSAGE_OF(6, ONE, ctl_line, timestamp, ctl_time_message),
    MESSAGE_OF(7, ONE, ctl_line, started, ctl_time_message),
    MESSAGE_OF(8, ONE, ctl_line, completed, ctl_time_message),
};
INFO(ctl_line);

FIELDS ctl_log_fields[] = {
    MESSAGE_FIELD(1, STRING, ctl_log, vertex),
    MESSAGE_OF(2, ONE, ctl_log, timestamp, ctl_time_message),
    MESSAGE_FIELD(3, INT, ctl_log, stream),
    MESSAGE_FIELD(4, BYTES, ctl_log, text),
};
INFO(ctl_log);

FIELDS ctl_source_fields[] = {
    MESSAGE_FIELD(1, STRING, ctl_source, filename),
    MESSAGE_FIELD(2, BYTES, ctl_source, data),
    MESSAGE_FIELD(4, STRING, ctl_source, language),
};
INFO(ctl_source);

FIELDS ctl_position_fields[] = {MESSAGE_FIELD(1, INT, ctl_position, line)};
INFO(ctl_position);

FIELDS ctl_range_fields[] = {
    MESSAGE_OF(1, ONE, ctl_range, start, ctl_position_message),
    MESSAGE_OF(2, ONE, ctl_range, end, ctl_position_message),
};
INFO(ctl_range);

FIELDS ctl_warning_fields[] = {
    MESSAGE_FIELD(1, STRING, ctl_warning, vertex),
    MESSAGE_FIELD(2, INT, ctl_warning, level),
    MESSAGE_FIELD(3, STRING, ctl_warning, text),
    MESSAGE_FIELD(4, STRINGS, ctl_warning, detail),
    MESSAGE_FIELD(5, STRING, ctl_warning, url),
    MESSAGE_OF(6, ONE, ctl_warning, source, ctl_source_message),
    MESSAGE_OF(7, MANY, ctl_warning, ranges, ctl_range_message),
};
INFO(ctl_warning);

FIELDS ctl_statuses_fields[] = {
    MESSAGE_OF(1, MANY, ctl_statuses, vertexes, ctl_vertex_message),
    MESSAGE_OF(2, MANY, ctl_statuses, lines, ctl_line_message),
    MESSAGE_OF(3, MANY, ctl_statuses, logs, ctl_log_message),
    MESSAGE_OF(4, MANY, ctl_statuses, warnings, ctl_warning_message),
};
SPOKEN(ctl_statuses);

/* ---- a record ------------------------------------------------------------ */

FIELDS ctl_descriptor_fields[] = {
    MESSAGE_FIELD(1, STRING, ctl_descriptor, media_type),
    MESSAGE_FIELD(2, STRING, ctl_descriptor, digest),
    MESSAGE_FIELD(3, INT, ctl_descriptor, size),
    MESSAGE_OF(5, MANY, ctl_descriptor, annotations, ctl_pair_message),
};
INFO(ctl_descriptor);

FIELDS ctl_failure_fields[] = {
    MESSAGE_FIELD(1, INT, ctl_failure, code),
    MESSAGE_FIELD(2, STRING, ctl_failure, message),
};
INFO(ctl_failure);

FIELDS ctl_numbered_fields[] = {
    MESSAGE_FIELD(1, INT, ctl_numbered, number),
    MESSAGE_OF(2, ONE, ctl_numbered, value, ctl_descriptor_message),
};
INFO(ctl_numbered);

FIELDS ctl_outcome_fields[] = {
    MESSAGE_OF(1, ONE, ctl_outcome, first, ctl_descriptor_message),
    MESSAGE_OF(2, MANY, ctl_outcome, attestations, ctl_descriptor_message),
    MESSAGE_OF(3, MANY, ctl_outcome, results, ctl_numbered_message),
};
INFO(ctl_outcome);

FIELDS ctl_platform_outcome_fields[] = {
    MESSAGE_FIELD(1, STRING, ctl_platform_outcome, platform),
    MESSAGE_OF(2, ONE, ctl_platform_outcome, value, ctl_outcome_message),
};
INFO(ctl_platform_outcome);

FIELDS ctl_record_fields[] = {
    MESSAGE_FIELD(1, STRING, ctl_record, ref),
    MESSAGE_FIELD(2, STRING, ctl_record, frontend),
    MESSAGE_OF(3, MANY, ctl_record, options, ctl_pair_message),
    MESSAGE_OF(4, MANY, ctl_record, exporters, ctl_typed_message),
    MESSAGE_OF(5, ONE, ctl_record, error, ctl_failure_message),
    MESSAGE_OF(6, ONE, ctl_record, created, ctl_time_message),
    MESSAGE_OF(7, ONE, ctl_record, completed, ctl_time_message),
    MESSAGE_OF(8, ONE, ctl_record, logs, ctl_descriptor_message),
    MESSAGE_OF(9, MANY, ctl_record, response, ctl_pair_message),
    MESSAGE_OF(10, ONE, ctl_record, outcome, ctl_outcome_message),
    MESSAGE_OF(11, MANY, ctl_record, outcomes, ctl_platform_outcome_message),
    MESSAGE_FIELD(12, INT, ctl_record, generation),
    MESSAGE_OF(13, ONE, ctl_record, trace, ctl_descriptor_message),
    MESSAGE_FIELD(14, BOOL, ctl_record, pinned),
    MESSAGE_FIELD(15, INT, ctl_record, cached),
    MESSAGE_FIELD(16, INT, ctl_record, total),
    MESSAGE_FIELD(17, INT, ctl_record, finished),
    MESSAGE_OF(18, ONE, ctl_record, details, ctl_descriptor_message),
    MESSAGE_FIELD(19, INT, ctl_record, warnings),
    MESSAGE_FIELD(1001, STRING, ctl_record, build_id),
    MESSAGE_FIELD(1002, STRING, ctl_record, context),
};
SPOKEN(ctl_record);
