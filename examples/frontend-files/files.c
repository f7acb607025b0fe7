/* frontend-files: a build file that lists files.  Each line is a path and a text:
 *
 *   # syntax=example.org/files
 *   /etc/motd Welcome
 *
 * and the image has these files and nothing else. */
#include <stdio.h>
#include <string.h>

#include <tenon-graph.h>
#include <tenon-plugin.h>

static const struct tenon_host *host;

/* BuildKit's options, "key=value" each. */
static const char *
option(const struct tenon_frontend_request *request, const char *name, const char *fallback)
{
    const size_t len = strlen(name);
    for (const char *const *o = request->options; o && *o; o++)
        if (strncmp(*o, name, len) == 0 && (*o)[len] == '=')
            return *o + len + 1;
    return fallback;
}

/* The build file is in a directory of the user's, which is called "dockerfile". */
static int
load(struct tenon_ctx *ctx, const struct tenon_frontend_request *request,
     const struct tenon_bridge *bridge, const char *name, const void **text, size_t *len,
     struct tenon_error *err)
{
    struct tenon_ref *ref = NULL;
    struct tenon_node *dir =
        tenon_llb_source(host, request->graph, "local://dockerfile", NULL, err);
    if (!dir || tenon_llb_source_attr(host, dir, "local.sharedkeyhint", "dockerfile", err) < 0 ||
        bridge->solve(ctx, request->graph, dir, 0, &ref, err) < 0 ||
        bridge->read_file(ctx, ref, name, 1 << 20, text, len, err) < 0)
        return host->error->code(err);
    return TENON_OK;
}

/* One line: "PATH TEXT". */
static int
add_line(struct tenon_node *files, struct tenon_node **before, char *line, struct tenon_error *err)
{
    static const int64_t time_ns = 0; /* the same file each time */
    char *text = strchr(line, ' ');
    if (*line != '/' || !text)
        return host->error->set(err, TENON_E_INVALID, 0, "expected a path and a text: %s", line);
    *text++ = '\0';
    struct tenon_node *file =
        tenon_llb_mkfile(host, files, line, 0644, text, strlen(text), NULL, &time_ns, err);
    if (!file || (*before && host->graph->node_input(file, "input", *before, 0, err) < 0))
        return host->error->code(err);
    *before = file; /* the next one goes on top of it */
    return TENON_OK;
}

static int
files_solve(void *self, struct tenon_ctx *ctx, const struct tenon_frontend_request *request,
            const struct tenon_bridge *bridge, struct tenon_result *result, struct tenon_error *err)
{
    const char *name = option(request, "filename", "Dockerfile");
    const void *data = NULL;
    size_t len = 0;
    (void)self;
    if (load(ctx, request, bridge, name, &data, &len, err) < 0)
        return host->error->context(err, "read %s", name);
    host->graph->source(request->graph, name, "files", data, len); /* for the place of errors */

    struct tenon_node *files = tenon_llb_file(host, request->graph, err), *last = NULL;
    char *save = NULL, *text = host->ctx->strdup(ctx, data);
    uint32_t number = 0;
    for (char *line = text; files && line; line = save) {
        save = strchr(line, '\n');
        if (save)
            *save++ = '\0';
        number++;
        if (*line && *line != '#' && add_line(files, &last, line, err) < 0) {
            host->error->at(err, name, number, 0);
            return host->error->code(err);
        }
    }
    if (!files || !last)
        return host->error->set(err, TENON_E_INVALID, 0, "%s lists no file", name);

    struct tenon_ref *ref = NULL;
    char config[200];
    const char *arch = strchr(request->host_platform, '/') + 1;
    snprintf(config, sizeof config, "{\"architecture\":\"%.*s\",\"os\":\"linux\",\"config\":{}}",
             (int)strcspn(arch, "/"), arch);
    if (tenon_llb_name(host, files, "make the files", err) < 0 ||
        bridge->solve(ctx, request->graph, files, 0, &ref, err) < 0 ||
        host->result->add(result, request->host_platform, ref, err) < 0)
        return host->error->code(err);
    return host->result->set(result, "containerimage.config", config, strlen(config), err);
}

static int
files_init(const struct tenon_host *h, const struct tenon_values *config, void **self,
           struct tenon_error *err)
{
    (void)config, (void)err;
    host = h;
    *self = NULL;
    return TENON_OK;
}

static const struct tenon_frontend_ops ops = {
    .struct_size = sizeof ops,
    .solve = files_solve,
};
static const struct tenon_plugin plugin = {
    TENON_PLUGIN_HEADER(TENON_KIND_FRONTEND),
    .threads = TENON_THREADS_PARALLEL,
    .key_policy = TENON_KEY_NEUTRAL, /* what it asks for is in the graph, which is keyed */
    .key_epoch = 1,
    .name = "files",
    .version = "1.0",
    .summary = "build files that list files",
    .init = files_init,
    .ops.frontend = &ops,
};
TENON_PLUGIN_EXPORT(frontend_files, plugin);
