/* base/log.h - messages that are neither a result nor a build event.
 *
 * Levels as in syslog(3): 3 error, 4 warning, 5 notice (default), 6 info,
 * 7 debug.  Goes through one sink: stderr until a renderer takes it over.
 * Any thread. */
#ifndef TENON_BASE_LOG_H
#define TENON_BASE_LOG_H

#include <stdarg.h>

enum { TENON_LOG_ERROR = 3, TENON_LOG_WARNING = 4, TENON_LOG_NOTICE = 5,
       TENON_LOG_INFO = 6, TENON_LOG_DEBUG = 7 };

typedef void tenon_log_sink(void *data, int level, const char *text);

void tenon_log_set_level(int level);
void tenon_log_set_sink(tenon_log_sink *sink, void *data); /* NULL: stderr */
void tenon_log(int level, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void tenon_vlog(int level, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));

#endif
