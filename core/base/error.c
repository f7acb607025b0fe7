/* base/error.c - the one error object: set once, prefixed upward. */
#include "error.h"

#include <stdlib.h>
#include <string.h>

#include "tools/alloc.h"
#include "tools/conceal.h"

static void
free_details(struct tenon_error_detail *d)
{
    while (d) {
        struct tenon_error_detail *next = d->next;
        free(d->type);
        free(d->json);
        free(d);
        d = next;
    }
}

void
tenon_error_release(struct tenon_error *err)
{
    if (!err)
        return;
    free(err->message);
    free(err->hint);
    free(err->file);
    free_details(err->details);
    *err = (struct tenon_error)TENON_ERROR_INIT;
}

/* The GNU strerror_r: thread-safe and gives the string. */
static const char *
errno_text(int sys, char *room, size_t len)
{
    return strerror_r(sys, room, len);
}

/* Whoever made the message: passwords of URLs are not in it. */
static char *
words(const char *fmt, va_list ap)
{
    char *text = tenon_vasprintf(fmt, ap);
    if (!tenon_url_maybe(text))
        return text;
    char *shown = tenon_url_conceal(text);
    free(text);
    return shown;
}

int
tenon_error_vset(struct tenon_error *err, int code, int sys, const char *fmt,
                 va_list ap)
{
    tenon_assert(code < 0);
    int saved = errno;
    /* fmt may have arguments that live in the object: format first. */
    char *message = words(fmt, ap);
    if (sys) {
        char room[128];
        char *whole = tenon_asprintf("%s: %s", message,
                                     errno_text(sys, room, sizeof room));
        free(message);
        message = whole;
    }
    tenon_error_release(err);
    err->code = code;
    err->sys = sys;
    err->message = message;
    errno = saved;
    return code;
}

int
tenon_error_set(struct tenon_error *err, int code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    tenon_error_vset(err, code, 0, fmt, ap);
    va_end(ap);
    return code;
}

int
tenon_error_sys(struct tenon_error *err, const char *fmt, ...)
{
    int sys = errno;
    va_list ap;
    va_start(ap, fmt);
    int code = tenon_error_vset(err, tenon_status_from_errno(sys), sys, fmt, ap);
    va_end(ap);
    return code;
}

int
tenon_error_errno(struct tenon_error *err, int sys, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int code = tenon_error_vset(err, tenon_status_from_errno(sys), sys, fmt, ap);
    va_end(ap);
    return code;
}

int
tenon_error_vcontext(struct tenon_error *err, const char *fmt, va_list ap)
{
    int saved = errno;
    if (err->code == 0) {
        /* Somebody returned a failure without saying why. */
        err->code = TENON_E_BUG;
    }
    char *outer = words(fmt, ap);
    if (err->message && err->message[0]) {
        char *whole = tenon_asprintf("%s: %s", outer, err->message);
        free(outer);
        outer = whole;
    }
    free(err->message);
    err->message = outer;
    errno = saved;
    return err->code;
}

int
tenon_error_context(struct tenon_error *err, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int code = tenon_error_vcontext(err, fmt, ap);
    va_end(ap);
    return code;
}

int
tenon_error_vhint(struct tenon_error *err, const char *fmt, va_list ap)
{
    int saved = errno;
    char *hint = words(fmt, ap);
    free(err->hint);
    err->hint = hint;
    errno = saved;
    return err->code;
}

int
tenon_error_hint(struct tenon_error *err, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int code = tenon_error_vhint(err, fmt, ap);
    va_end(ap);
    return code;
}

int
tenon_error_at(struct tenon_error *err, const char *file, uint32_t line,
               uint32_t end_line)
{
    if (!err->file && err->line == 0) {
        err->file = tenon_strdup(file);
        err->line = line;
        err->end_line = end_line;
    }
    return err->code;
}

int
tenon_error_detail(struct tenon_error *err, const char *type, const char *json)
{
    struct tenon_error_detail *d = tenon_new0(struct tenon_error_detail);
    d->type = tenon_strdup(type);
    d->json = tenon_strdup(json);
    struct tenon_error_detail **end = &err->details;
    while (*end)
        end = &(*end)->next;
    *end = d;
    return err->code;
}

int
tenon_error_move(struct tenon_error *to, struct tenon_error *from)
{
    if (to != from) {
        tenon_error_release(to);
        *to = *from;
        *from = (struct tenon_error)TENON_ERROR_INIT;
    }
    return to->code;
}

int
tenon_error_copy(struct tenon_error *to, const struct tenon_error *from)
{
    if (to == from)
        return to->code;
    tenon_error_release(to);
    *to = *from;
    to->message = tenon_strdup(from->message);
    to->hint = tenon_strdup(from->hint);
    to->file = tenon_strdup(from->file);
    to->details = NULL;
    for (const struct tenon_error_detail *d = from->details; d; d = d->next)
        tenon_error_detail(to, d->type, d->json);
    return to->code;
}

int
tenon_status_from_errno(int sys)
{
    switch (sys) {
    case 0:
        return TENON_E_FAILED;
    case ENOENT:
    case ENOTDIR:
    case ENXIO:
        return TENON_E_NOT_FOUND;
    case EACCES:
    case EPERM:
    case EROFS:
        return TENON_E_DENIED;
    case ENOSYS:
    case EOPNOTSUPP:
        return TENON_E_UNSUPPORTED;
    case ECANCELED:
        return TENON_E_CANCELLED;
    case EAGAIN:
    case EBUSY:
    case ETIMEDOUT:
    case ECONNREFUSED:
    case ECONNRESET:
    case EHOSTUNREACH:
    case ENETUNREACH:
        return TENON_E_UNAVAILABLE;
    case EINVAL:
    case EISDIR:
    case EEXIST:
    case ENOTEMPTY:
    case ELOOP:
        return TENON_E_INVALID;
    case EFBIG:
    case ENAMETOOLONG:
    case E2BIG:
    case EOVERFLOW:
    case EMFILE:
    case ENFILE:
        return TENON_E_LIMIT;
    case ENOMEM:
        return TENON_E_NOMEM;
    case EBADF:
    case EFAULT:
        return TENON_E_BUG;
    case EBADMSG:
        return TENON_E_CORRUPT;
    default:
        return TENON_E_FAILED;
    }
}

const char *
tenon_status_name(int code)
{
    if (code >= 0)
        return "ok";
    switch ((enum tenon_status)code) {
    case TENON_OK:
        return "ok";
    case TENON_E_FAILED:
        return "failed";
    case TENON_E_INVALID:
        return "invalid";
    case TENON_E_NOT_FOUND:
        return "not found";
    case TENON_E_DENIED:
        return "denied";
    case TENON_E_UNSUPPORTED:
        return "unsupported";
    case TENON_E_CANCELLED:
        return "cancelled";
    case TENON_E_UNAVAILABLE:
        return "unavailable";
    case TENON_E_CORRUPT:
        return "corrupt";
    case TENON_E_LIMIT:
        return "limit exceeded";
    case TENON_E_NOMEM:
        return "out of memory";
    case TENON_E_BUG:
        return "internal error";
    }
    return "unknown";
}
