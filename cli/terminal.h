/* cli/terminal.h - a pseudo terminal between the user's and a program in a step, which gets
 * one of its own: keys such as Ctrl-C are for the program then. */
#ifndef TENON_CLI_TERMINAL_H
#define TENON_CLI_TERMINAL_H

#include "base/error.h"

struct terminal;

/* Standard input is a terminal; it is raw until terminal_close.  *fd: what the
 * program gets, the terminal's. */
int terminal_open(struct terminal **out, int *fd, struct tenon_error *err);
/* Delivers what the program wrote, and puts the user's terminal back. */
void terminal_close(struct terminal *t); /* NULL is fine */

#endif
