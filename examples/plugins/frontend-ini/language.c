/* language.c - see language.h. */
#include "language.h"

#include <string.h>

static const char blank[] = " \t\r";

static char *
trimmed(char *s)
{
    s += strspn(s, blank);
    char *end = s + strlen(s);
    while (end > s && strchr(blank, end[-1]))
        end--;
    *end = '\0';
    return s;
}

static long
stop(struct ini_wrong *wrong, uint32_t number, const char *what)
{
    *wrong = (struct ini_wrong){ number, what };
    return -1;
}

long
ini_parse(char *text, struct ini_line *lines, size_t room, struct ini_wrong *wrong)
{
    const char *section = NULL;
    size_t count = 0;
    uint32_t number = 1;

    for (char *next; text; text = next, number++) {
        next = strchr(text, '\n');
        if (next)
            *next++ = '\0';
        char *line = trimmed(text), *equals = strchr(line, '=');
        if (!*line || *line == '#' || *line == ';')
            continue;
        if (*line == '[') {
            char *close = strchr(line, ']');
            if (!close || close[1])
                return stop(wrong, number, "expected ] at the end of a section's name");
            *close = '\0';
            section = trimmed(line + 1);
            continue;
        }
        if (!section)
            return stop(wrong, number, "expected a [section] first");
        if (!equals || equals == line)
            return stop(wrong, number, "expected KEY = VALUE");
        if (count == room)
            return stop(wrong, number, "too many lines");
        *equals = '\0';
        lines[count++] = (struct ini_line){ section, trimmed(line), trimmed(equals + 1), number };
    }
    return (long)count;
}
