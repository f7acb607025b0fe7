/* cli/historyparts.h - the parts of `tenon history`. */
#ifndef TENON_CLI_HISTORYPARTS_H
#define TENON_CLI_HISTORYPARTS_H

#include "cli.h"
#include "records.h"

/* ---- historytext.c: records for people, and as JSON ----------------------- */
/* What buildx calls the build: by its context, build file and target; malloc'ed, maybe "". */
char *history_build_name(const struct ctl_record *r);
void history_put_header(void);
void history_put_row(const struct ctl_record *r);
void history_put_json(const struct ctl_record *r);
/* All of one. */
int history_inspect(struct tenon_store *s, const struct ctl_record *r, bool json,
                    struct tenon_error *err);

/* ---- historylogs.c ---------------------------------------------------------- */
/* What happened, as it was shown then; progress: as of `build`. */
int history_logs(const struct cli *cli, struct tenon_store *s, const struct ctl_record *r,
                 const char *progress, struct tenon_error *err);

/* ---- historyexport.c -------------------------------------------------------- */
/* A bundle of them, as buildx and Docker Desktop have it. */
int history_export(struct tenon_store *s, const struct ctl_record *const *records, size_t count,
                   int fd, struct tenon_error *err);

#endif
