/* tools/unicode.c - see unicode.h. */
#include "tools/unicode.h"

#include <string.h>

#include "tools/alloc.h"

enum category {
    LU, LL, LT, LM, LO, MN, MC, ME, ND, NL, NO, PC, PD, PS, PE, PI, PF, PO, SM, SC, SK, SO, ZS, ZL,
    ZP, CC, CF, CS, CO, CN,
};

enum { BITS = 5 };

static const uint32_t runs[] = {
#include "tools/unicoderuns.h"
};

#define BIT(category) (UINT32_C(1) << (category))
/* From the first to the last of enum category. */
#define UNTIL(first, last) (BIT(last) * 2 - BIT(first))

static const struct {
    const char *name, *long_name, *other;
    uint32_t categories;
} classes[] = {
    { "any", "any", NULL, UNTIL(LU, CN) },
    { "assigned", "assigned", NULL, UNTIL(LU, CO) },
    { "lc", "casedletter", NULL, UNTIL(LU, LT) },
    { "l", "letter", NULL, UNTIL(LU, LO) },
    { "lu", "uppercaseletter", NULL, BIT(LU) },
    { "ll", "lowercaseletter", NULL, BIT(LL) },
    { "lt", "titlecaseletter", NULL, BIT(LT) },
    { "lm", "modifierletter", NULL, BIT(LM) },
    { "lo", "otherletter", NULL, BIT(LO) },
    { "m", "mark", "combiningmark", UNTIL(MN, ME) },
    { "mn", "nonspacingmark", NULL, BIT(MN) },
    { "mc", "spacingmark", NULL, BIT(MC) },
    { "me", "enclosingmark", NULL, BIT(ME) },
    { "n", "number", NULL, UNTIL(ND, NO) },
    { "nd", "decimalnumber", "digit", BIT(ND) },
    { "nl", "letternumber", NULL, BIT(NL) },
    { "no", "othernumber", NULL, BIT(NO) },
    { "p", "punctuation", "punct", UNTIL(PC, PO) },
    { "pc", "connectorpunctuation", NULL, BIT(PC) },
    { "pd", "dashpunctuation", NULL, BIT(PD) },
    { "ps", "openpunctuation", NULL, BIT(PS) },
    { "pe", "closepunctuation", NULL, BIT(PE) },
    { "pi", "initialpunctuation", NULL, BIT(PI) },
    { "pf", "finalpunctuation", NULL, BIT(PF) },
    { "po", "otherpunctuation", NULL, BIT(PO) },
    { "s", "symbol", NULL, UNTIL(SM, SO) },
    { "sm", "mathsymbol", NULL, BIT(SM) },
    { "sc", "currencysymbol", NULL, BIT(SC) },
    { "sk", "modifiersymbol", NULL, BIT(SK) },
    { "so", "othersymbol", NULL, BIT(SO) },
    { "z", "separator", NULL, UNTIL(ZS, ZP) },
    { "zs", "spaceseparator", NULL, BIT(ZS) },
    { "zl", "lineseparator", NULL, BIT(ZL) },
    { "zp", "paragraphseparator", NULL, BIT(ZP) },
    { "c", "other", NULL, UNTIL(CC, CN) },
    { "cc", "control", "cntrl", BIT(CC) },
    { "cf", "format", NULL, BIT(CF) },
    { "cs", "surrogate", NULL, BIT(CS) },
    { "co", "privateuse", NULL, BIT(CO) },
    { "cn", "unassigned", NULL, BIT(CN) },
};

uint32_t
tenon_unicode_category(uint32_t rune)
{
    size_t low = 0, high = tenon_countof(runs); /* the run is one of low..high-1 */

    if (rune > 0x10ffff)
        return BIT(CN);
    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        if (runs[middle] >> BITS <= rune)
            low = middle;
        else
            high = middle;
    }
    return BIT(runs[low] & (BIT(BITS) - 1));
}

static bool
is_named(const char *text, size_t len, const char *name)
{
    for (size_t i = 0; i < len; i++) {
        if (strchr(" _-", text[i]))
            continue;
        const char c = text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] - 'A' + 'a') : text[i];
        if (!*name || c != *name++)
            return false;
    }
    return !*name;
}

uint32_t
tenon_unicode_class(const char *name, size_t len)
{
    for (size_t i = 0; i < tenon_countof(classes); i++)
        if (is_named(name, len, classes[i].name) || is_named(name, len, classes[i].long_name) ||
            (classes[i].other && is_named(name, len, classes[i].other)))
            return classes[i].categories;
    return 0;
}
