/* engine/host_process.c - the extension "tenon.process/0": programs of this machine, for exporters
 * and scanners. */
#include "engine/host_process.h"

#include "base/log.h"
#include "base/programtext.h"
#include "context/ctx.h"
#include "tools/alloc.h"

static void
show(void *ctx, int stream, const void *text, size_t len)
{
    tenon_ctx_output(ctx, stream, text, len);
}

static void
log_line(void *ctx, const char *line)
{
    (void)ctx;
    tenon_log(TENON_LOG_DEBUG, "%s", line);
}

static void
show_status(void *ctx, const char *id, int64_t percent)
{
    tenon_ctx_status(ctx, id, percent, 100);
}

static void
end_status(void *ctx, const char *id)
{
    tenon_ctx_status_done(ctx, id);
}

static const char *
find(struct tenon_ctx *ctx, const char *name, const char *package, struct tenon_error *err)
{
    auto_free char *path = tenon_program_need(name, package, err);
    return path ? tenon_ctx_strdup(ctx, path) : NULL;
}

static int
run(struct tenon_ctx *ctx, const struct tenon_program *program, int32_t *wait_status,
    struct tenon_error *err)
{
    static const struct tenon_program_talk talk = {show, log_line, show_status, end_status};
    return tenon_program_serve(program, tenon_ctx_cancel(ctx), &talk, ctx, wait_status, err);
}

const struct tenon_process_api *
tenon_process_api(void)
{
    static const struct tenon_process_api api = {
        .struct_size = sizeof api, .find = find, .run = run,
    };
    return &api;
}
