/* convert/table.c - columns of even width. */
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "tools/alloc.h"

#define COLUMNS_MAX 8

static size_t
width(const char *s, size_t len)
{
    size_t n = 0; /* characters, not bytes */
    for (size_t i = 0; i < len; i++)
        n += ((unsigned char)s[i] & 0xc0) != 0x80;
    return n;
}

void
df_table(struct tenon_buf *out, const char *cells, size_t gap)
{
    size_t widths[COLUMNS_MAX] = {0}, column = 0;
    for (const char *p = cells; *p;) {
        size_t n = strcspn(p, "\t\n");
        /* The last cell of a row does not make a column wide. */
        if (p[n] == '\t' && column < COLUMNS_MAX) {
            size_t w = width(p, n);
            if (w > widths[column])
                widths[column] = w;
        }
        column = p[n] == '\t' ? column + 1 : 0;
        p += n + (p[n] != '\0');
    }
    column = 0;
    for (const char *p = cells; *p;) {
        size_t n = strcspn(p, "\t\n");
        tenon_buf_add(out, p, n);
        if (p[n] == '\t') {
            size_t w = width(p, n);
            size_t want = column < COLUMNS_MAX ? widths[column] : w;
            for (; w < want + gap; w++)
                tenon_buf_addc(out, ' ');
        } else if (p[n]) {
            tenon_buf_addc(out, '\n');
        }
        column = p[n] == '\t' ? column + 1 : 0;
        p += n + (p[n] != '\0');
    }
}
