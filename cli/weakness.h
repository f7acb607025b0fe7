/* cli/weakness.h - for doctor: what of this machine weakens the walls around builds. A build works
 * with all of it; security.md says what is promised. */
#ifndef TENON_CLI_WEAKNESS_H
#define TENON_CLI_WEAKNESS_H

/* What is so and what follows from it; what helps, a command if it can be. */
typedef void weakness_said(void *data, const char *topic, const char *text, const char *helps);

/* dir: where the store is, or would be; runtime: the OCI runtime that steps run with, or NULL. */
void weakness_find(const char *dir, const char *runtime, weakness_said *said, void *data);

#endif
