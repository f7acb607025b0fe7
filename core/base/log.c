/* base/log.c - messages that are neither a result nor a build event. */
#include "log.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "tools/alloc.h"
#include "tools/buf.h"
#include "tools/cleanup.h"
#include "tools/text.h"
#include "tools/conceal.h"

static atomic_int max_level = TENON_LOG_NOTICE;

/* sink and sink_data: locked by lock, which is held while the sink runs so
 * that a sink that was replaced is not in use any more. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static tenon_log_sink *sink;
static void *sink_data;

void
tenon_log_set_level(int level)
{
    atomic_store(&max_level, level);
}

void
tenon_log_set_sink(tenon_log_sink *new_sink, void *data)
{
    pthread_mutex_lock(&lock);
    sink = new_sink;
    sink_data = data;
    pthread_mutex_unlock(&lock);
}

static const char *
level_prefix(int level)
{
    switch (level) {
    case TENON_LOG_ERROR:
        return "error: ";
    case TENON_LOG_WARNING:
        return "warning: ";
    case TENON_LOG_DEBUG:
        return "debug: ";
    default:
        return "";
    }
}

void
tenon_vlog(int level, const char *fmt, va_list ap)
{
    if (level > atomic_load(&max_level))
        return;
    int saved = errno;
    auto_free char *said = tenon_vasprintf(fmt, ap);
    auto_free char *text = tenon_url_conceal(said);
    pthread_mutex_lock(&lock);
    if (sink)
        sink(sink_data, level, text);
    else {
        auto_buf struct tenon_buf plain = TENON_BUF_INIT;
        tenon_text_add(&plain, text, strlen(text));
        fprintf(stderr, "tenon: %s%s\n", level_prefix(level), tenon_buf_str(&plain));
    }
    pthread_mutex_unlock(&lock);
    errno = saved;
}

void
tenon_log(int level, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    tenon_vlog(level, fmt, ap);
    va_end(ap);
}
