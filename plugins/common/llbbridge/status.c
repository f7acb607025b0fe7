/* common/llbbridge/status.c - errors of the host as gRPC has them, and back.
 *
 * BuildKit's typed details are google.protobuf.Any with JSON inside: as type
 * "github.com/moby/buildkit/errdefs.Vertex+json", where the host says "errdefs.Vertex". */
#include <json-c/json.h>
#include <string.h>

#include "codes.h"
#include "failure.h"
#include "llbbridge.h"
#include "tools/alloc.h"
#include "tools/base64.h"
#include "tools/jsontext.h"

#define TYPE_PREFIX "github.com/moby/buildkit/"
#define TYPE_SUFFIX "+json"

void
gateway_status(struct gateway *gw, struct tenon_error *err, struct tenon_arena *arena,
               struct gw_status *out)
{
    const struct tenon_host *h = gw->host;
    const char *type, *json;
    size_t count = 0;

    if (gw->graph)
        h->error->place(gw->graph, err);
    while (h->error->detail_nth(err, count, &json))
        count++;
    struct gw_any *details = tenon_arena_array(arena, count + 1, sizeof *details);
    const bool cancelled = h->error->code(err) == TENON_E_CANCELLED; /* they look for the words */
    *out = (struct gw_status){.code = grpc_code_of_error(h->error->code(err)),
                              .message = cancelled ? "context canceled" : h->error->text(err),
                              .details = {details, 0}};
    for (size_t i = 0; i < count; i++) {
        type = h->error->detail_nth(err, i, &json);
        if (tenon_has_prefix(type, "tenon."))
            continue; /* between us */
        auto_free char *name = tenon_asprintf(TYPE_PREFIX "%s" TYPE_SUFFIX, type);
        details[out->details.len++] = (struct gw_any){.type = tenon_arena_strdup(arena, name),
                                                      .value = {json, strlen(json)}};
    }
}

void
gateway_fail(struct gateway *gw, struct grpc_call *call, struct tenon_error *err)
{
    auto_arena struct tenon_arena arena = TENON_ARENA_INIT;
    auto_buf struct tenon_buf bytes = TENON_BUF_INIT;
    struct gw_status inner;

    gateway_status(gw, err, &arena, &inner);
    if (inner.details.len)
        message_encode(&bytes, &gw_status_message, &inner);
    const struct grpc_status status = {.code = (int)inner.code, .message = (char *)inner.message,
                                       .details = bytes.data, .details_len = bytes.len};
    grpc_call_finish(call, &status);
}

/* ---- and back ------------------------------------------------------------ */

static const char *
member(struct json_object *o, const char *key)
{
    struct json_object *value = NULL;

    return json_object_object_get_ex(o, key, &value) ? json_object_get_string(value) : NULL;
}

static uint32_t
line_of(struct json_object *range, const char *key)
{
    struct json_object *position = NULL, *line = NULL;

    if (!json_object_object_get_ex(range, key, &position) ||
        !json_object_object_get_ex(position, "line", &line))
        return 0;
    const int64_t n = json_object_get_int64(line);
    return n > 0 && n <= UINT32_MAX ? (uint32_t)n : 0;
}

/* errdefs.Source: where it went wrong, in a file that the program read. */
static void
take_place(struct gateway *gw, struct json_object *source, struct tenon_error *err)
{
    struct json_object *info = NULL, *ranges = NULL;
    auto_buf struct tenon_buf data = TENON_BUF_INIT;

    if (!json_object_object_get_ex(source, "info", &info) ||
        !json_object_object_get_ex(source, "ranges", &ranges) ||
        !json_object_is_type(ranges, json_type_array) || json_object_array_length(ranges) == 0)
        return;
    const char *filename = member(info, "filename"), *base64 = member(info, "data");
    struct json_object *first = json_object_array_get_idx(ranges, 0);
    const uint32_t line = line_of(first, "start");
    uint32_t end = line_of(first, "end");
    for (size_t i = 1; i < json_object_array_length(ranges); i++) { /* one a line, often */
        struct json_object *next = json_object_array_get_idx(ranges, i);
        if (!end || line_of(next, "start") != end + 1 || line_of(next, "end") <= end)
            break;
        end = line_of(next, "end");
    }
    if (!filename || !base64 || !line || !grpc_base64_decode(&data, base64, strlen(base64)))
        return;
    gw->host->graph->source(gw->graph, filename, member(info, "language"), tenon_buf_str(&data),
                            data.len);
    gw->host->error->at(err, filename, line, end > line ? end : 0);
}

static void
take_detail(struct gateway *gw, const struct gw_any *any, struct tenon_error *err)
{
    auto_free char *json = tenon_strndup(any->value.data, any->value.len);
    size_t len = strlen(any->type);

    if (!tenon_has_prefix(any->type, TYPE_PREFIX) || !tenon_has_suffix(any->type, TYPE_SUFFIX))
        return;
    struct json_object *value = tenon_json_parse_modest(json);
    if (!value)
        return;
    auto_free char *type =
        tenon_strndup(any->type + strlen(TYPE_PREFIX),
                      len - strlen(TYPE_PREFIX) - strlen(TYPE_SUFFIX));
    /* Names of references are the program's own, and nobody else's. */
    if (!tenon_has_prefix(type, "tenon.") && strcmp(type, FAILURE_DETAIL) != 0)
        gw->host->error->detail(err, type, json);
    if (strcmp(type, "errdefs.Source") == 0)
        take_place(gw, value, err);
    json_object_put(value);
}

int
gateway_take_failure(struct gateway *gw, struct tenon_error *err)
{
    auto_arena struct tenon_arena arena = TENON_ARENA_INIT;
    struct gw_return request = {0};
    const char *why;

    /* It was decoded once. */
    tenon_assert(message_decode(&arena, &gw_return_message, gw->failure.data, gw->failure.len,
                                &request, &why));
    const struct gw_status *status = request.error;
    const struct gw_any *details = status->details.items;
    gw->host->error->set(err, status->code == GRPC_CANCELLED ? TENON_E_CANCELLED : TENON_E_FAILED,
                         0, "%s", *status->message ? status->message : "the frontend failed");
    for (size_t i = 0; i < status->details.len; i++)
        take_detail(gw, &details[i], err);
    return gw->host->error->code(err);
}
