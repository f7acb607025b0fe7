/* tools/excerpt.c - see excerpt.h. */
#include "tools/excerpt.h"

#include <string.h>

#include "tools/alloc.h"
#include "tools/vec.h"

void
tenon_excerpt_add(struct tenon_buf *out, const char *name, const char *text, size_t len,
                  size_t first, size_t last)
{
    TENON_VEC(const char *) lines = {0};
    const char *end = text + len;
    for (const char *p = text;;) {
        tenon_vec_push(&lines, p);
        const char *nl = memchr(p, '\n', (size_t)(end - p));
        if (!nl)
            break;
        p = nl + 1;
    }
    if (last > lines.len)
        last = lines.len;
    if (first >= 1 && first <= lines.len) {
        size_t from = first, to = last, pad = first == last ? 4 : 2;
        for (size_t p = 0; p < pad; p++) {
            if (from > 1) {
                from--;
                p++;
            }
            if (to < lines.len) {
                to++;
                p++;
            }
        }
        tenon_buf_addf(out, "%s:%zu\n--------------------\n", name, first);
        for (size_t i = from; i <= to; i++) {
            const char *line = lines.items[i - 1];
            const char *nl = memchr(line, '\n', (size_t)(end - line));
            tenon_buf_addf(out, " %3zu | %s ", i, i >= first && i <= last ? ">>>" : "   ");
            tenon_buf_add(out, line, (size_t)((nl ? nl : end) - line));
            tenon_buf_addc(out, '\n');
        }
        tenon_buf_adds(out, "--------------------\n");
    }
    tenon_vec_release(&lines);
}
