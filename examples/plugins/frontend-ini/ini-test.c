/* The language of frontend-ini, line by line. What it builds is seen by `tenon build`. */
#include <tenon-plugin-test.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "language.h"

static void
expect(int true_or_not, const char *what)
{
    if (true_or_not)
        return;
    fprintf(stderr, "test: not so: %s\n", what);
    exit(1);
}

enum { ROOM = 3 };

/* "section.key=value@line," each, or "error@line: what". */
static void
parses(const char *text, const char *expected)
{
    char copy[500], seen[1000] = "", one[300];
    struct ini_line lines[ROOM];
    struct ini_wrong wrong = { 0, "" };
    snprintf(copy, sizeof copy, "%s", text);
    long count = ini_parse(copy, lines, ROOM, &wrong);
    if (count < 0)
        snprintf(seen, sizeof seen, "error@%u: %s", wrong.number, wrong.what);
    for (long i = 0; i < count; i++) {
        snprintf(one, sizeof one, "%s.%s=%s@%u,", lines[i].section, lines[i].key, lines[i].value,
                 lines[i].number);
        strncat(seen, one, sizeof seen - strlen(seen) - 1);
    }
    if (strcmp(seen, expected) != 0)
        fprintf(stderr, "test: expected %s\n      but got %s\n", expected, seen);
    expect(strcmp(seen, expected) == 0, text);
}

int
main(void)
{
    parses("", "");
    parses("# syntax=ini\n; nothing\n\n", "");
    parses("[image]\nfrom = busybox\n", "image.from=busybox@2,");
    parses("  [ run ]\t\r\n one=true && a=b \r\n", "run.one=true && a=b@2,");
    parses("[a]\nx=\n[b]\nx=1", "a.x=@2,b.x=1@4,");
    parses("from = x\n", "error@1: expected a [section] first");
    parses("[image\n", "error@1: expected ] at the end of a section's name");
    parses("[image] x\n", "error@1: expected ] at the end of a section's name");
    parses("[a]\n\n= 1\n", "error@3: expected KEY = VALUE");
    parses("[a]\nword\n", "error@2: expected KEY = VALUE");
    parses("[a]\na=1\nb=2\nc=3\n", "a.a=1@2,a.b=2@3,a.c=3@4,");
    parses("[a]\na=1\nb=2\nc=3\nd=4\n", "error@5: too many lines");

    struct tenon_test *t = tenon_test_open("./frontend-ini.so", NULL);
    expect(t != NULL, "it starts");
    tenon_test_close(t);
    return 0;
}
