/* tools/ascii.h - letters of ASCII alone, in any locale: names of hosts, platforms, types. */
#ifndef TENON_TOOLS_ASCII_H
#define TENON_TOOLS_ASCII_H

/* In place; both give s.  What is not ASCII stays. */
char *tenon_lower(char *s);
char *tenon_upper(char *s);

#endif
