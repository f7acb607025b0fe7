/* tools/parse.c - numbers, sizes, durations and times from text, and the nearest of some
 * words. */
#include "tools/parse.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tools/alloc.h"

static unsigned
digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    if (c >= 'a' && c <= 'z')
        return (unsigned)(c - 'a') + 10;
    if (c >= 'A' && c <= 'Z')
        return (unsigned)(c - 'A') + 10;
    return 99;
}

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Takes 0x, 0o, 0b and a plain 0 off. */
static unsigned
base_prefix(const char **s)
{
    const char *p = *s;
    if (p[0] != '0' || p[1] == '\0')
        return 10;
    switch (p[1]) {
    case 'x':
    case 'X':
        *s += 2;
        return 16;
    case 'o':
    case 'O':
        *s += 2;
        return 8;
    case 'b':
    case 'B':
        *s += 2;
        return 2;
    default:
        *s += 1;
        return 8;
    }
}

bool
tenon_parse_u64(const char *s, unsigned base, uint64_t *out)
{
    if (!s)
        return false;
    if (base == 0)
        base = base_prefix(&s);
    uint64_t v = 0;
    if (!*s)
        return false;
    for (; *s; s++) {
        unsigned d = digit_value(*s);
        if (d >= base || __builtin_mul_overflow(v, base, &v) ||
            __builtin_add_overflow(v, d, &v))
            return false;
    }
    *out = v;
    return true;
}

bool
tenon_parse_i64(const char *s, int64_t *out)
{
    if (!s)
        return false;
    bool negative = *s == '-';
    if (*s == '-' || *s == '+')
        s++;
    uint64_t v;
    if (!tenon_parse_u64(s, 0, &v))
        return false;
    if (v > (uint64_t)INT64_MAX + negative)
        return false;
    *out = negative ? (int64_t)(0 - v) : (int64_t)v;
    return true;
}

bool
tenon_parse_bool(const char *s, bool *out)
{
    static const char *const yes[] = {"1", "t", "T", "TRUE", "true", "True"};
    static const char *const no[] = {"0", "f", "F", "FALSE", "false", "False"};
    for (size_t i = 0; i < tenon_countof(yes); i++) {
        if (tenon_streq(s, yes[i])) {
            *out = true;
            return true;
        }
        if (tenon_streq(s, no[i])) {
            *out = false;
            return true;
        }
    }
    return false;
}

bool
tenon_parse_size(const char *s, int64_t *out)
{
    if (!s)
        return false;
    const char *p = s;
    uint64_t whole = 0;
    unsigned digits = 0;
    bool fraction = false;
    for (; is_digit(*p) || (*p == '.' && !fraction); p++) {
        if (*p == '.') {
            fraction = true;
            continue;
        }
        digits++;
        if (!fraction &&
            (__builtin_mul_overflow(whole, 10, &whole) ||
             __builtin_add_overflow(whole, (unsigned)(*p - '0'), &whole)))
            return false;
    }
    if (digits == 0)
        return false;
    const char *suffix = *p == ' ' ? p + 1 : p;

    unsigned shift = 0;
    if (*suffix) {
        static const char units[] = "bkmgtp";
        const char *unit = strchr(units, tolower((unsigned char)*suffix));
        if (!unit)
            return false;
        shift = 10 * (unsigned)(unit - units);
        suffix++;
        if (*suffix && (shift == 0 || (strcasecmp(suffix, "b") != 0 &&
                                       strcasecmp(suffix, "ib") != 0)))
            return false;
    }
    if (!fraction) {
        if (whole > ((uint64_t)INT64_MAX >> shift))
            return false;
        *out = (int64_t)(whole << shift);
        return true;
    }
    double v = strtod(s, NULL) * (double)(UINT64_C(1) << shift);
    if (!(v < 9223372036854775808.0))
        return false;
    *out = (int64_t)v;
    return true;
}

static bool
duration_unit(const char *s, size_t len, uint64_t *ns)
{
    static const struct {
        const char *name;
        uint64_t ns;
    } units[] = {
        {"ns", 1},
        {"us", 1000},
        {"\xc2\xb5s", 1000}, /* micro sign */
        {"\xce\xbcs", 1000}, /* Greek mu */
        {"ms", 1000000},
        {"s", 1000000000},
        {"m", UINT64_C(60000000000)},
        {"h", UINT64_C(3600000000000)},
    };
    for (size_t i = 0; i < tenon_countof(units); i++) {
        if (strlen(units[i].name) == len &&
            memcmp(units[i].name, s, len) == 0) {
            *ns = units[i].ns;
            return true;
        }
    }
    return false;
}

bool
tenon_parse_duration(const char *s, int64_t *ns)
{
    const uint64_t max = UINT64_C(1) << 63;
    if (!s)
        return false;
    bool negative = *s == '-';
    if (*s == '-' || *s == '+')
        s++;
    if (strcmp(s, "0") == 0) {
        *ns = 0;
        return true;
    }
    if (!*s)
        return false;
    uint64_t total = 0;
    while (*s) {
        uint64_t v = 0, f = 0;
        double scale = 1;
        bool any = false, f_full = false;
        for (; is_digit(*s); s++, any = true)
            if (__builtin_mul_overflow(v, 10, &v) ||
                __builtin_add_overflow(v, (unsigned)(*s - '0'), &v) || v > max)
                return false;
        if (*s == '.') {
            for (s++; is_digit(*s); s++, any = true) {
                /* digits beyond what fits make no difference */
                if (f_full || f > (max - 1) / 10) {
                    f_full = true;
                    continue;
                }
                uint64_t next = f * 10 + (unsigned)(*s - '0');
                if (next > max) {
                    f_full = true;
                    continue;
                }
                f = next;
                scale *= 10;
            }
        }
        if (!any)
            return false;
        size_t len = strcspn(s, ".0123456789");
        uint64_t unit;
        if (!duration_unit(s, len, &unit))
            return false;
        s += len;
        if (v > max / unit)
            return false;
        v *= unit;
        if (f > 0) {
            v += (uint64_t)((double)f * ((double)unit / scale));
            if (v > max)
                return false;
        }
        if (__builtin_add_overflow(total, v, &total) || total > max)
            return false;
    }
    if (total > max - !negative)
        return false;
    *ns = negative ? (int64_t)(0 - total) : (int64_t)total;
    return true;
}

/* Days since 1970-01-01 in the proleptic Gregorian calendar and back (Howard
 * Hinnant's days_from_civil). */
static int64_t
days_from_civil(int64_t y, unsigned m, unsigned d)
{
    y -= m <= 2;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    unsigned yoe = (unsigned)(y - era * 400);
    unsigned doy = (153 * (m > 2 ? m - 3 : m + 9) + 2) / 5 + d - 1;
    unsigned doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146097 + (int64_t)doe - 719468;
}

static void
civil_from_days(int64_t z, int64_t *y, unsigned *m, unsigned *d)
{
    z += 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    unsigned doe = (unsigned)(z - era * 146097);
    unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    unsigned mp = (5 * doy + 2) / 153;
    *d = doy - (153 * mp + 2) / 5 + 1;
    *m = mp < 10 ? mp + 3 : mp - 9;
    *y = (int64_t)yoe + era * 400 + (*m <= 2);
}

/* n digits, then the character `then` unless that is 0. */
static bool
take_number(const char **s, unsigned n, char then, unsigned *out)
{
    const char *p = *s;
    unsigned v = 0;
    for (unsigned i = 0; i < n; i++, p++) {
        if (!is_digit(*p))
            return false;
        v = v * 10 + (unsigned)(*p - '0');
    }
    if (then) {
        if (*p != then)
            return false;
        p++;
    }
    *s = p;
    *out = v;
    return true;
}

bool
tenon_parse_time(const char *s, int64_t *ns)
{
    static const unsigned month_days[] = {31, 29, 31, 30, 31, 30,
                                          31, 31, 30, 31, 30, 31};
    unsigned y, mon, d, h, min, sec;
    if (!s || !take_number(&s, 4, '-', &y) || !take_number(&s, 2, '-', &mon) ||
        !take_number(&s, 2, 'T', &d) || !take_number(&s, 2, ':', &h) ||
        !take_number(&s, 2, ':', &min) || !take_number(&s, 2, 0, &sec))
        return false;
    if (mon < 1 || mon > 12 || d < 1 || d > month_days[mon - 1] || h > 23 ||
        min > 59 || sec > 59)
        return false;
    bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
    if (mon == 2 && d == 29 && !leap)
        return false;

    int64_t frac = 0;
    if (*s == '.') {
        s++;
        if (!is_digit(*s))
            return false;
        int64_t unit = 100000000;
        for (; is_digit(*s); s++, unit /= 10)
            frac += unit * (*s - '0');
    }
    int64_t offset = 0;
    if (*s == 'Z') {
        s++;
    } else if (*s == '+' || *s == '-') {
        bool west = *s++ == '-';
        unsigned oh, om;
        if (!take_number(&s, 2, ':', &oh) || !take_number(&s, 2, 0, &om) ||
            oh > 24 || om > 59)
            return false;
        offset = (int64_t)oh * 3600 + (int64_t)om * 60;
        if (west)
            offset = -offset;
    } else {
        return false;
    }
    if (*s)
        return false;
    int64_t t = days_from_civil(y, mon, d) * 86400 + (int64_t)h * 3600 +
                (int64_t)min * 60 + (int64_t)sec - offset;
    /* The first second of the range is given up: there the product overflows
     * although the sum would not. */
    int64_t v;
    if (__builtin_mul_overflow(t, 1000000000, &v) ||
        __builtin_add_overflow(v, frac, &v))
        return false;
    *ns = v;
    return true;
}

char *
tenon_format_time(int64_t ns)
{
    int64_t t = ns / 1000000000, frac = ns % 1000000000;
    if (frac < 0) {
        frac += 1000000000;
        t--;
    }
    int64_t days = t / 86400, left = t % 86400;
    if (left < 0) {
        left += 86400;
        days--;
    }
    int64_t y;
    unsigned m, d;
    civil_from_days(days, &y, &m, &d);
    char text[16] = "";
    if (frac) {
        text[0] = '.';
        int64_t v = frac;
        for (int i = 9; i >= 1; i--, v /= 10)
            text[i] = (char)('0' + v % 10);
        for (int i = 9; text[i] == '0'; i--)
            text[i] = '\0';
    }
    return tenon_asprintf("%04" PRId64 "-%02u-%02uT%02d:%02d:%02d%sZ", y, m, d,
                          (int)(left / 3600), (int)(left / 60 % 60),
                          (int)(left % 60), text);
}

char *
tenon_format_bytes(int64_t bytes)
{
    static const char *const units[] = {"kB", "MB", "GB", "TB", "PB", "EB"};
    double v = fabs((double)bytes);
    if (v < 1000)
        return tenon_asprintf("%" PRId64 "B", bytes);
    size_t i = 0;
    v /= 1000;
    while (v >= 1000 && i + 1 < tenon_countof(units)) {
        v /= 1000;
        i++;
    }
    return tenon_asprintf("%s%.2f%s", bytes < 0 ? "-" : "", v, units[i]);
}

static bool
same_letter(char a, char b, bool fold)
{
    return fold ? tolower((unsigned char)a) == tolower((unsigned char)b) : a == b;
}

/* typed: by a hand, which mixes case, and swaps neighbours by one slip. */
static size_t
distance(const char *a, const char *b, size_t limit, bool typed)
{
    const size_t la = strlen(a), lb = strlen(b);
    const size_t gap = la > lb ? la - lb : lb - la;
    if (gap > limit)
        return SIZE_MAX;
    size_t *rows = tenon_reallocarray(NULL, 3 * (lb + 1), sizeof *rows);
    size_t *row = rows, *above = rows + lb + 1, *above2 = above + lb + 1;
    for (size_t j = 0; j <= lb; j++)
        row[j] = j;
    for (size_t i = 1; i <= la; i++) {
        size_t *const last = above2;
        above2 = above;
        above = row;
        row = last;
        size_t best = row[0] = i;
        for (size_t j = 1; j <= lb; j++) {
            size_t v = above[j - 1] + !same_letter(a[i - 1], b[j - 1], typed);
            if (above[j] + 1 < v)
                v = above[j] + 1;
            if (row[j - 1] + 1 < v)
                v = row[j - 1] + 1;
            if (typed && i > 1 && j > 1 && same_letter(a[i - 1], b[j - 2], true) &&
                same_letter(a[i - 2], b[j - 1], true) && above2[j - 2] + 1 < v)
                v = above2[j - 2] + 1;
            row[j] = v;
            if (v < best)
                best = v;
        }
        if (best > limit + typed) /* a swap looks back over two rows */
            break;
    }
    const size_t result = row[lb] > limit ? SIZE_MAX : row[lb];
    free(rows);
    return result;
}

size_t
tenon_edit_distance(const char *a, const char *b, size_t limit)
{
    return distance(a, b, limit, false);
}

const char *
tenon_nearest(const char *word, const char *const *list)
{
    size_t limit = strlen(word) / 3;
    if (limit < 1)
        limit = 1;
    const char *best = NULL;
    for (; list && *list; list++) {
        size_t d = distance(word, *list, limit, true);
        if (d == SIZE_MAX)
            continue;
        best = *list;
        if (d == 0)
            break;
        limit = d - 1; /* only better ones from here on */
    }
    return best;
}

char *
tenon_meant(const char *word, const char *const *list)
{
    const char *near = tenon_nearest(word, list);
    return near ? tenon_asprintf(" (did you mean %s?)", near) : tenon_strdup("");
}
