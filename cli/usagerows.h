/* cli/usagerows.h - what du and prune share: filters, and rows of the store's usage. */
#ifndef TENON_CLI_USAGEROWS_H
#define TENON_CLI_USAGEROWS_H

#include "cli.h"

struct usage_filter { /* zero: everything passes */
    char *type;            /* or NULL */
    char *id;              /* a prefix, or NULL */
    char *origin;          /* of imported caches, "import" for any; or NULL */
    int64_t older_than_ns; /* last used at least so long ago */
    int in_use, mutable_, shared; /* 0: either; 1: yes; -1: no */
};
void usage_filter_release(struct usage_filter *f);
/* One --filter KEY=VALUE; false after an error was printed. */
bool usage_filter_add(struct usage_filter *f, const char *verb, const char *text);
bool usage_filter_passes(const struct usage_filter *f, const struct tenon_usage_row *row,
                         int64_t now_ns);

bool usage_is_reclaimable(const struct tenon_usage_row *row);
void usage_print_header(void);
void usage_print_row(const struct tenon_usage_row *row);
void usage_print_verbose(const struct tenon_usage_row *row);
void usage_put_json(const struct tenon_usage_row *row);
void usage_print_total(const char *label, int64_t bytes);

#endif
