/* graph/errorplaces.c - places in build files as JSON: {"info": {...}, "ranges": [...]}, as Go
 * encodes errdefs.Source. */
#include "graph/errorplaces.h"

#include <string.h>

#include "graph/wire.h"
#include "tools/alloc.h"
#include "tools/base64.h"
#include "tools/buf.h"
#include "tools/jsontext.h"

enum {
    DEFINITION_MAX = 64 << 10, /* bytes; errors travel in headers */
    RANGES_MAX = 1000,         /* that are told of one place */
};

static void
add_bytes(struct tenon_buf *json, const void *data, size_t len)
{
    auto_free char *base64 = tenon_base64(data, len);

    tenon_buf_addf(json, "\"%s\"", base64);
}

/* Its operations, which is all that is needed to make it again. */
static void
add_definition(struct tenon_buf *json, const struct tenon_graph_source *s)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf ops = TENON_BUF_INIT;
    struct tenon_wire w;

    if (!s->definition_len || s->definition_len > DEFINITION_MAX)
        return;
    tenon_wire_init(&w, s->definition, s->definition_len);
    while (tenon_wire_next(&w, &err) > 0) {
        if (w.field != 1 || w.type != TENON_WIRE_LEN)
            continue;
        tenon_buf_adds(&ops, ops.len ? "," : "");
        add_bytes(&ops, w.data ? w.data : "", w.len);
    }
    if (!err.code)
        tenon_buf_addf(json, ",\"definition\":{\"def\":[%s]}", tenon_buf_str(&ops));
}

static void
add_position(struct tenon_buf *json, const char *name, uint32_t line, uint32_t character)
{
    tenon_buf_addf(json, "\"%s\":{\"line\":%d", name, (int32_t)line);
    if (character)
        tenon_buf_addf(json, ",\"character\":%d", (int32_t)character);
    tenon_buf_addc(json, '}');
}

static void
add_range(struct tenon_buf *json, const struct tenon_range *r, size_t *count)
{
    const uint32_t end = r->end_line > r->line ? r->end_line : r->line;
    const uint32_t last = r->by_line ? end : r->line;

    for (uint64_t line = r->line; line <= last && *count < RANGES_MAX; line++) {
        tenon_buf_adds(json, (*count)++ ? ",{" : "{");
        add_position(json, "start", (uint32_t)line, r->character);
        tenon_buf_addc(json, ',');
        add_position(json, "end", r->by_line ? (uint32_t)line : end, r->end_character);
        tenon_buf_addc(json, '}');
    }
}

static void
write_place(struct tenon_buf *json, const struct tenon_graph_source *s, bool with_data,
            const struct tenon_range *ranges, size_t count)
{
    size_t told = 0;

    tenon_buf_adds(json, "{\"info\":{\"filename\":");
    tenon_json_add_string(json, s->filename, strlen(s->filename), true);
    if (with_data) {
        tenon_buf_adds(json, ",\"data\":");
        add_bytes(json, s->data, s->len);
        add_definition(json, s);
    }
    if (*s->language) {
        tenon_buf_adds(json, ",\"language\":");
        tenon_json_add_string(json, s->language, strlen(s->language), true);
    }
    tenon_buf_adds(json, "},\"ranges\":[");
    for (size_t i = 0; i < count; i++)
        add_range(json, &ranges[i], &told);
    tenon_buf_adds(json, "]}");
}

/* Within the room that is left, or json stays empty. */
static void
fit_place(struct tenon_buf *json, const struct tenon_graph_source *s,
          const struct tenon_range *ranges, size_t count, size_t *room)
{
    const bool with_data = s->len < *room; /* base64 is longer */

    write_place(json, s, with_data, ranges, count);
    if (with_data && json->len > *room) {
        tenon_buf_clear(json);
        write_place(json, s, false, ranges, count);
    }
    if (json->len > *room)
        tenon_buf_clear(json);
    *room -= json->len;
}

/* The last first: each wraps the one before it, and is found after it.  The room is the first
 * one's first. */
void
tenon_places_of_vertex(const struct tenon_vertex *v, struct tenon_error *err)
{
    const struct tenon_range *r = v->meta.ranges;
    struct tenon_buf places[TENON_ERROR_PLACES_MAX] = {0};
    size_t told = 0, room = TENON_ERROR_PLACES_BYTES;

    for (size_t begin = 0, end; begin < v->meta.range_count && told < tenon_countof(places);
         begin = end) {
        for (end = begin + 1; end < v->meta.range_count && r[end].more; end++)
            continue;
        const struct tenon_graph_source *s = tenon_graph_get_source(v->graph, r[begin].source);
        if (s)
            fit_place(&places[told++], s, &r[begin], end - begin, &room);
    }
    while (told-- > 0) {
        if (places[told].len)
            tenon_error_detail(err, TENON_PLACE_DETAIL, tenon_buf_str(&places[told]));
        tenon_buf_release(&places[told]);
    }
}

static bool
is_placed(const struct tenon_error *err)
{
    for (const struct tenon_error_detail *d = err->details; d; d = d->next)
        if (!strcmp(d->type, TENON_PLACE_DETAIL))
            return true;
    return false;
}

void
tenon_places_of_error(struct tenon_graph *g, struct tenon_error *err)
{
    const struct tenon_range range = {.line = err->line, .end_line = err->end_line,
                                      .by_line = true};
    const struct tenon_graph_source unknown = {.filename = err->file, .language = "", .data = ""};
    const struct tenon_graph_source *s = NULL;
    auto_buf struct tenon_buf json = TENON_BUF_INIT;
    size_t room = TENON_ERROR_PLACES_BYTES;

    if (!err->file || !err->line || is_placed(err))
        return;
    for (uint32_t i = 0; g && (s = tenon_graph_get_source(g, i)); i++)
        if (!strcmp(s->filename, err->file))
            break;
    fit_place(&json, s ? s : &unknown, &range, 1, &room);
    if (json.len)
        tenon_error_detail(err, TENON_PLACE_DETAIL, tenon_buf_str(&json));
}
