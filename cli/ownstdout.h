/* cli/ownstdout.h - standard output is for what the user asked for.  While a build runs, who prints
 * there by himself, a plugin or a library, prints to standard error instead. */
#ifndef TENON_CLI_OWNSTDOUT_H
#define TENON_CLI_OWNSTDOUT_H

/* The real one, to write to; STDOUT_FILENO where it cannot be set aside. */
int own_stdout_hide(void);
/* There it is again, for a while.  What was printed in between and not written yet goes to standard
 * error. */
void own_stdout_show(int real);
/* 0, or the errno with which what was printed meanwhile did not reach its reader. */
int own_stdout_cover(int real);
/* There it is again, for good. */
void own_stdout_end(int real);

#endif
