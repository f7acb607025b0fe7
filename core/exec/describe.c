/* exec/describe.c - a step's command as text. */
#include <string.h>

#include "tools/alloc.h"
#include "tools/buf.h"
#include "tools/utf8.h"
#include "exec/private.h"

char *
tenon_exec_describe(const struct tenon_vertex *v)
{
    auto_buf struct tenon_buf b = TENON_BUF_INIT;
    for (const char *const *a = v->op.exec.args; a && *a; a++)
        tenon_buf_addf(&b, a == v->op.exec.args ? "%s" : " %s", *a);
    tenon_buf_adds(&b, "");
    return tenon_buf_steal(&b);
}

char *
tenon_exec_log_name(const char *build, const struct tenon_vertex *v)
{
    return build ? tenon_asprintf("%s/%s", build, tenon_digest_hex(&v->digest)) : NULL;
}

char *
tenon_exec_quote(const char *text)
{
    static const char from[] = "\a\b\f\n\r\t\v\\\"";
    static const char to[] = "abfnrtv\\\"";
    auto_buf struct tenon_buf b = TENON_BUF_INIT;
    const unsigned char *end = (const unsigned char *)text + strlen(text);
    tenon_buf_addc(&b, '"');
    for (const unsigned char *p = (const unsigned char *)text; *p;) {
        const char *special = strchr(from, *p);
        size_t n = tenon_utf8_len(p, (size_t)(end - p));
        if (special) {
            tenon_buf_addc(&b, '\\');
            tenon_buf_addc(&b, to[special - from]);
        } else if (*p >= 0x20 && *p < 0x7f) {
            tenon_buf_addc(&b, (char)*p);
        } else if (p[0] == 0xc2 && n == 2 && p[1] < 0xa1) {
            tenon_buf_addf(&b, "\\u00%02x", p[1]); /* C1 controls, hard space */
        } else if (n > 1) {
            tenon_buf_add(&b, p, n);
        } else {
            tenon_buf_addf(&b, "\\x%02x", *p);
        }
        p += n ? n : 1;
    }
    tenon_buf_addc(&b, '"');
    return tenon_buf_steal(&b);
}
