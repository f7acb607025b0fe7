/* common/export/epoch.c - see epoch.h. */
#include "epoch.h"

#include "tools/parse.h"

int
export_epoch(const struct tenon_host *host, const struct tenon_values *options,
             const struct tenon_result *r, struct export_epoch *out,
             struct tenon_error *err)
{
    const char *text = host->values->get_string(options, "source-date-epoch");
    if (!text && r) /* an empty one is none, whatever the result says */
        text = host->result->get(r, "source.date.epoch", NULL);
    if (!text || !*text)
        return TENON_OK;
    if (!tenon_parse_i64(text, &out->s))
        return host->error->set(err, TENON_E_INVALID, 0, "invalid source-date-epoch \"%s\"", text);
    out->is_set = true;
    return TENON_OK;
}
