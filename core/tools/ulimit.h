/* tools/ulimit.h - limits of a step as users write them: "nofile=1024:2048". */
#ifndef TENON_TOOLS_ULIMIT_H
#define TENON_TOOLS_ULIMIT_H

#include <stdint.h>

struct tenon_ulimit {
    const char *name; /* static */
    int64_t soft, hard; /* -1: none */
};

/* NULL when text is one; else what is wrong with it, in docker's words, malloc'ed. */
char *tenon_ulimit_parse(const char *text, struct tenon_ulimit *out);

#endif
