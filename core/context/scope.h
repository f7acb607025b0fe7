/* context/scope.h - where a step stands, rather than what it says: the directory that is
 * built, the stage and the number in it, and the instruction's word. */
#ifndef TENON_CONTEXT_SCOPE_H
#define TENON_CONTEXT_SCOPE_H

#include "context/session.h"

/* The same for a step that was edited since; malloc'ed. */
char *tenon_step_place(const struct tenon_session *session, const char *name);

#endif
