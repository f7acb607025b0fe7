/* cli/ending.c - see ending.h. */
#include "ending.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "tools/alloc.h"
#include "tools/jsontext.h"
#include "tools/vec.h"

struct ending {
    struct tenon_progress_end end;
    struct tenon_source_excerpt excerpt;
    const struct tenon_source_excerpt *excerpts[1];
    TENON_VEC(struct tenon_source_excerpt) files;
    const struct tenon_source_excerpt **list; /* of files */
    char **further;
    char *vertex;
};

static char *
failed_vertex(const struct tenon_error *err)
{
    for (const struct tenon_error_detail *d = err->details; d; d = d->next) {
        auto_error struct tenon_error ignored = TENON_ERROR_INIT;
        auto_json struct json_object *o = NULL;
        const char *digest = NULL;
        if (!strcmp(d->type, "errdefs.Vertex") &&
            tenon_json_parse(d->json, strlen(d->json), 1 << 16, &o, &ignored) == 0 &&
            tenon_json_get_str(o, "digest", NULL, &digest, &ignored) == 0 && digest)
            return tenon_strdup(digest);
    }
    return NULL;
}

static char **
further_errors(const struct tenon_error *err)
{
    char **list = NULL;
    for (const struct tenon_error_detail *d = err->details; d; d = d->next) {
        if (strcmp(d->type, "tenon.Further"))
            continue;
        auto_json struct json_object *o = tenon_json_parse_modest(d->json);
        if (json_object_get_type(o) == json_type_string)
            tenon_strv_push(&list, tenon_strdup(json_object_get_string(o)));
    }
    return list;
}

static struct tenon_source_excerpt
whole(const struct tenon_graph_source *src)
{
    return (struct tenon_source_excerpt){.struct_size = sizeof(struct tenon_source_excerpt),
                                         .filename = src->filename, .data = src->data,
                                         .len = src->len};
}

struct ending *
ending_new(const struct tenon_build *b, const struct tenon_error *err, const char *text,
           char *const *warned)
{
    struct ending *e = tenon_new0(struct ending);
    const struct tenon_graph_source *src =
        err->code && err->file && b ? tenon_build_source(b, err->file) : NULL;
    e->vertex = err->code ? failed_vertex(err) : NULL;
    e->further = further_errors(err);
    if (src && err->line) {
        e->excerpt = whole(src);
        e->excerpt.line = err->line;
        e->excerpt.end_line = err->end_line;
        e->excerpts[0] = &e->excerpt;
    }
    for (char *const *w = warned; w && *w; w++) {
        const struct tenon_graph_source *f = b ? tenon_build_source(b, *w) : NULL;
        if (f)
            tenon_vec_push(&e->files, whole(f));
    }
    e->list = tenon_calloc(e->files.len + 1, sizeof *e->list);
    for (size_t i = 0; i < e->files.len; i++)
        e->list[i] = &e->files.items[i];
    e->end = (struct tenon_progress_end){
        .struct_size = sizeof e->end, .status = err->code, .error = err->code ? text : NULL,
        .hint = err->hint, .vertex = e->vertex,
        .excerpts = e->excerpts[0] ? e->excerpts : NULL, .excerpt_count = e->excerpts[0] != NULL,
        .files = e->list, .file_count = e->files.len,
        .further = (const char *const *)e->further,
    };
    return e;
}

const struct tenon_progress_end *
ending_told(const struct ending *e)
{
    return &e->end;
}

void
ending_free(struct ending *e)
{
    tenon_vec_release(&e->files);
    free(e->list);
    tenon_strv_free(e->further);
    free(e->vertex);
    free(e);
}

void
ending_note(char ***warned, const struct tenon_event *ev)
{
    if (ev->type != TENON_EVENT_WARNING || !ev->filename)
        return;
    for (char **w = *warned; w && *w; w++)
        if (strcmp(*w, ev->filename) == 0)
            return;
    tenon_strv_push(warned, tenon_strdup(ev->filename));
}
