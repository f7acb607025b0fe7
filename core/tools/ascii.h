/* tools/ascii.h - letters and digits of ASCII alone, in any locale: names of hosts, platforms,
 * types, bytes that are written as hexadecimal. */
#ifndef TENON_TOOLS_ASCII_H
#define TENON_TOOLS_ASCII_H

/* In place; both give s.  What is not ASCII stays. */
char *tenon_lower(char *s);
char *tenon_upper(char *s);
/* 0 to 15, in either case; -1: no hexadecimal digit. */
int tenon_hex_digit(char c);

#endif
