/* cli/localsession.h - the command's own session provider: files, variables, agents of the
 * user who runs it (context/session.h is the interface). */
#ifndef TENON_CLI_LOCALSESSION_H
#define TENON_CLI_LOCALSESSION_H

#include "base/cancel.h"
#include "base/error.h"
#include "context/session.h"

struct cli_session;

struct cli_session *cli_session_new(void);
void cli_session_free(struct cli_session *s); /* removes temporary contexts */
struct tenon_session *cli_session_vtable(struct cli_session *s);

/* --secret id=X[,src=F][,env=E][,type=file|env]; the last of equal ids wins. */
int cli_session_add_secret(struct cli_session *s, const char *spec, struct tenon_error *err);
/* --ssh ID[=SOCKET|KEYFILE,...]; default: SSH_AUTH_SOCK.  Keys are served by our
 * own agent. */
int cli_session_add_ssh(struct cli_session *s, const char *spec, struct tenon_error *err);
/* A local directory under a name. */
int cli_session_add_local(struct cli_session *s, const char *name, const char *dir,
                          struct tenon_error *err);
/* The name of the i-th, and *path; NULL past the end. */
const char *cli_session_local(const struct cli_session *s, size_t i, const char **path);
/* --allow buildx.local.delete: exports may empty directories anywhere. */
#define CLI_ALLOW_DELETE "buildx.local.delete"
void cli_session_allow_delete(struct cli_session *s);
/* Ends programs that --load waits for; borrowed, and outlives the build. */
void cli_session_set_cancel(struct cli_session *s, struct tenon_cancel *cancel);
/* Where "-" writes to, if that is not standard output by its number; borrowed. */
void cli_session_set_stdout(struct cli_session *s, int fd);
/* A fresh temporary directory (0700), removed with the session; borrowed. */
const char *cli_session_temp_dir(struct cli_session *s, struct tenon_error *err);

#endif
