/* common/export/epoch.h - the time of all files of an output. */
#ifndef TENON_COMMON_EXPORT_EPOCH_H
#define TENON_COMMON_EXPORT_EPOCH_H

#include <stdbool.h>
#include <stdint.h>
#include <tenon-plugin.h>

struct export_epoch {
    bool is_set;
    int64_t s; /* since 1970 */
};

/* The option "source-date-epoch", or what the build says (NULL r: nothing yet). */
int export_epoch(const struct tenon_host *host, const struct tenon_values *options,
                 const struct tenon_result *r, struct export_epoch *out,
                 struct tenon_error *err);

#endif
