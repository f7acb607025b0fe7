/* language.h - INI files: bytes into lines, and nothing of tenon. */
#ifndef INI_LANGUAGE_H
#define INI_LANGUAGE_H

#include <stddef.h>
#include <stdint.h>

struct ini_line { /* "key = value" below "[section]"; pointers into the text */
    const char *section, *key, *value;
    uint32_t number; /* from 1 */
};

struct ini_wrong {
    uint32_t number;
    const char *what;
};

/* Takes a text apart, which is written to, into at most `room` lines. Returns how many, or -1 and
 * what is wrong where. */
long ini_parse(char *text, struct ini_line *lines, size_t room, struct ini_wrong *wrong);

#endif
