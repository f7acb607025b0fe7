/* plugin/calls.h - which operation of which plugin a thread is in, so that the end of the
 * process in there has a name. */
#ifndef TENON_PLUGIN_CALLS_H
#define TENON_PLUGIN_CALLS_H

/* Around each operation, of this thread; one within another is fine.  The texts stay where they
 * are: "mount", "cache", "attach". */
void tenon_call_begin(const char *kind, const char *name, const char *op);
void tenon_call_end(void);

/* The operations that threads are in now, the innermost of each; any thread.  Displays are left
 * out: they are called all the time. */
void tenon_calls_tell(void (*tell)(void *data, const char *plugin, const char *op), void *data);

/* Once, by a command, before there are threads.  From here on a signal that is a mistake in a
 * program (SIGSEGV, SIGABRT ...) and an exit() within an operation say on standard error which
 * operation of which plugin it was; and exit(0) in there is no success. */
void tenon_calls_guard(void);

#endif
