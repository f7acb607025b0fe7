/* common/grpc/coding.c - the texts of gRPC's headers. */
#include "common/grpc/coding.h"

#include <nghttp2/nghttp2.h>
#include <string.h>

#include "common/grpc/grpc.h"
#include "tools/alloc.h"
#include "tools/ascii.h"
#include "tools/base64.h"
#include "tools/utf8.h"

static const struct unit {
    char name;
    uint64_t ns;
} units[] = {
    {'n', 1},
    {'u', 1000},
    {'m', 1000 * 1000},
    {'S', UINT64_C(1000) * 1000 * 1000},
    {'M', UINT64_C(60) * 1000 * 1000 * 1000},
    {'H', UINT64_C(3600) * 1000 * 1000 * 1000},
};
enum { TIMEOUT_DIGITS = 8 };
static const uint64_t timeout_end = 100000000; /* the first with more digits */

bool
grpc_timeout_parse(const char *text, size_t len, uint64_t *ns)
{
    uint64_t n = 0;

    if (len < 2 || len > TIMEOUT_DIGITS + 1)
        return false;
    for (size_t i = 0; i < len - 1; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        n = n * 10 + (uint64_t)(text[i] - '0');
    }
    for (size_t i = 0; i < tenon_countof(units); i++) {
        if (units[i].name != text[len - 1])
            continue;
        if (__builtin_mul_overflow(n, units[i].ns, ns))
            *ns = UINT64_MAX;
        return true;
    }
    return false;
}

void
grpc_timeout_format(uint64_t ns, char out[16])
{
    for (size_t i = 0; i < tenon_countof(units); i++) {
        uint64_t n = ns / units[i].ns + (ns % units[i].ns != 0);
        if (n < timeout_end) {
            snprintf(out, 16, "%u%c", (unsigned)n, units[i].name);
            return;
        }
    }
    strcpy(out, "99999999H");
}

static bool
is_plain(char c)
{
    return c >= ' ' && c <= '~' && c != '%';
}

void
grpc_percent_encode(struct tenon_buf *out, const char *text, size_t max)
{
    size_t left = strlen(text), start = out->len;

    while (left) {
        size_t n = tenon_utf8_len(text, left);
        if (n == 0)
            n = 1;
        /* HTTP does not keep blanks at either end of a value. */
        bool at_end = out->len == start || left == 1;
        bool plain = is_plain(*text) && !(at_end && *text == ' ');
        size_t cost = plain ? 1 : 3 * n;
        if (cost > max - (out->len - start))
            return;
        for (size_t i = 0; i < n; i++, text++, left--) {
            if (plain)
                tenon_buf_addc(out, *text);
            else
                tenon_buf_addf(out, "%%%02X", (unsigned char)*text);
        }
    }
}

void
grpc_percent_decode(struct tenon_buf *out, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        int high = i + 2 < len && text[i] == '%' ? tenon_hex_digit(text[i + 1]) : -1;
        int low = high >= 0 ? tenon_hex_digit(text[i + 2]) : -1;
        if (low < 0 || (high | low) == 0) { /* a NUL would hide the rest */
            tenon_buf_addc(out, text[i]);
            continue;
        }
        tenon_buf_addc(out, (char)(high << 4 | low));
        i += 2;
    }
}

void
grpc_base64_encode(struct tenon_buf *out, const void *data, size_t len)
{
    auto_free char *padded = tenon_base64(data, len);

    tenon_buf_add(out, padded, (len * 4 + 2) / 3);
}

bool
grpc_base64_decode(struct tenon_buf *out, const char *text, size_t len)
{
    return tenon_base64_decode(text, len, out);
}

int
grpc_code_of_http(unsigned status)
{
    switch (status) {
    case 400: return GRPC_INTERNAL;
    case 401: return GRPC_UNAUTHENTICATED;
    case 403: return GRPC_PERMISSION_DENIED;
    case 404: return GRPC_UNIMPLEMENTED;
    case 429:
    case 502:
    case 503:
    case 504: return GRPC_UNAVAILABLE;
    default: return GRPC_UNKNOWN;
    }
}

int
grpc_code_of_reset(uint32_t http2_error)
{
    switch (http2_error) {
    case NGHTTP2_REFUSED_STREAM: return GRPC_UNAVAILABLE;
    case NGHTTP2_CANCEL: return GRPC_CANCELLED;
    case NGHTTP2_ENHANCE_YOUR_CALM: return GRPC_RESOURCE_EXHAUSTED;
    case NGHTTP2_INADEQUATE_SECURITY: return GRPC_PERMISSION_DENIED;
    default: return GRPC_INTERNAL;
    }
}
