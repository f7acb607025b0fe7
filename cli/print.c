/* cli/print.c - words, JSON and ages, as the verbs print them. */
#include "cli.h"

#include <string.h>

#include "base/io.h"
#include "tools/alloc.h"
#include "tools/jsontext.h"
#include "tools/text.h"

void
cli_put_text(FILE *to, const char *text)
{
    auto_buf struct tenon_buf plain = TENON_BUF_INIT;
    tenon_text_add(&plain, text, strlen(text));
    fputs(tenon_buf_str(&plain), to);
}

void
cli_put_line(FILE *to, const char *text)
{
    for (const char *at = text; *at;) {
        const size_t len = strcspn(at, "\n");
        auto_free char *line = tenon_strndup(at, len);
        cli_put_text(to, line);
        at += len;
        if (*at) {
            fputs("\\n", to);
            at++;
        }
    }
}

void
cli_put_json(struct json_object *o)
{
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    auto_buf struct tenon_buf plain = TENON_BUF_INIT;
    tenon_json_write(&text, o, false);
    tenon_text_add_json(&plain, text.data, text.len);
    tenon_buf_addc(&plain, '\n');
    fwrite(plain.data, 1, plain.len, stdout);
}

char *
cli_format_age(int64_t then_ns)
{
    static const struct {
        int64_t seconds;
        const char *unit;
    } units[] = {
        {365 * 86400, "year"}, {30 * 86400, "month"}, {7 * 86400, "week"}, {86400, "day"},
        {3600, "hour"},        {60, "minute"},        {1, "second"},
    };
    if (then_ns <= 0)
        return tenon_strdup("never");
    int64_t age = ((int64_t)tenon_now_ns() - then_ns) / 1000000000;
    for (size_t i = 0; i < tenon_countof(units); i++)
        if (age >= units[i].seconds) {
            int64_t n = age / units[i].seconds;
            return tenon_asprintf("%lld %s%s ago", (long long)n, units[i].unit,
                                  n == 1 ? "" : "s");
        }
    return tenon_strdup("just now");
}
