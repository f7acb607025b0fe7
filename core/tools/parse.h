/* tools/parse.h - numbers and the like from text; the only place that does it. */
#ifndef TENON_TOOLS_PARSE_H
#define TENON_TOOLS_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All take the whole string (no blanks around it) and return false otherwise,
 * leaving *out alone.  They set no error: the caller knows what it parsed. */
bool tenon_parse_u64(const char *s, unsigned base, uint64_t *out);
bool tenon_parse_i64(const char *s, int64_t *out); /* decimal, 0x, 0 octal, 0o */
bool tenon_parse_bool(const char *s, bool *out);   /* Go's strconv.ParseBool */
/* Bytes: 64k 2G 1.5m 10MiB (go-units RAMInBytes). */
bool tenon_parse_size(const char *s, int64_t *out);
bool tenon_parse_duration(const char *s, int64_t *ns); /* Go's time.ParseDuration */
/* RFC 3339 with up to nanoseconds to ns since 1970 and back ("...Z"). */
bool tenon_parse_time(const char *s, int64_t *ns);
char *tenon_format_time(int64_t ns);
/* Human sizes as BuildKit's progress prints them: 142B, 1.05kB, 3.40MB
 * (decimal units, two decimals from kB on, "%.2f"). */
char *tenon_format_bytes(int64_t bytes);
/* Levenshtein distance, for "did you mean"; SIZE_MAX when above limit. */
size_t tenon_edit_distance(const char *a, const char *b, size_t limit);
/* Nearest of a NULL-terminated list within a third of the length (at least
 * 1), or NULL.  Case is ignored. */
const char *tenon_nearest(const char *word, const char *const *list);
/* " (did you mean NEAREST?)", or "" when there is none; malloc'ed. */
char *tenon_meant(const char *word, const char *const *list);

#endif
