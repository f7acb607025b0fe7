/* history/failed.c - an error as gRPC has it: the code and the text in the record, and all of it,
 * with BuildKit's details, as a content. */
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "common/llbbridge/codes.h"
#include "graph/errorplaces.h"
#include "history.h"
#include "recorder.h"
#include "tools/alloc.h"
#include "tools/base64.h"
#include "tools/conceal.h"
#include "tools/jsontext.h"
#include "tools/vec.h"

#define TYPE(name) "github.com/moby/buildkit/" name "+json"

struct any {
    const char *type;
    struct message_bytes value;
};
static const struct message_field any_fields[] = {
    MESSAGE_FIELD(1, STRING, any, type),
    MESSAGE_FIELD(2, BYTES, any, value),
};
static const struct message_type_info any_message = MESSAGE_INFO(any, any_fields);

struct all {
    int64_t code;
    const char *message;
    struct message_list details; /* any */
};
static const struct message_field all_fields[] = {
    MESSAGE_FIELD(1, INT, all, code),
    MESSAGE_FIELD(2, STRING, all, message),
    MESSAGE_OF(3, MANY, all, details, any_message),
};
static const struct message_type_info all_message = MESSAGE_INFO(all, all_fields);

/* The file of a place, which is base64; what is none is left out, and so are the operations that
 * made it, as bytes. */
static void
conceal_file(struct json_object *info)
{
    auto_buf struct tenon_buf file = TENON_BUF_INIT, shown = TENON_BUF_INIT;
    struct json_object *data = NULL;

    if (json_object_is_type(info, json_type_object))
        json_object_object_del(info, "definition");
    if (!json_object_object_get_ex(info, "data", &data))
        return;
    const char *text = json_object_is_type(data, json_type_string) ? json_object_get_string(data)
                                                                   : NULL;
    if (!text || !tenon_base64_decode(text, strlen(text), &file)) {
        json_object_object_del(info, "data");
        return;
    }
    tenon_url_conceal_bytes(&shown, tenon_buf_str(&file), file.len);
    auto_free char *coded = tenon_base64(tenon_buf_str(&shown), shown.len);
    json_object_object_add(info, "data", json_object_new_string(coded));
}

/* A detail without what is secret in URLs: as text, and in the file of a place. */
static char *
discreet_detail(const char *json)
{
    auto_json struct json_object *o = tenon_json_parse_modest(json);
    struct json_object *info = NULL;

    if (json_object_object_get_ex(o, "info", &info))
        conceal_file(info);
    return tenon_url_conceal(json_object_to_json_string_ext(
        o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
}

void
recorder_failed(struct recorder *r, struct ctl_record *record, const struct tenon_error *err,
                const struct tenon_build *build)
{
    struct tenon_arena *a = recorder_arena(r);
    /* Clients look for the words. */
    const char *text = err->code == TENON_E_CANCELLED ? "context canceled"
                       : err->message                 ? err->message : "unknown error";
    const struct ctl_failure failure = {grpc_code_of_error(err->code), tenon_arena_strdup(a, text)};
    auto_buf struct tenon_buf bytes = TENON_BUF_INIT;
    auto_error struct tenon_error placed = TENON_ERROR_INIT;
    TENON_VEC(struct any) details = {0};

    tenon_error_copy(&placed, err);
    tenon_places_of_error(build ? tenon_build_graph(build) : NULL, &placed);
    for (const struct tenon_error_detail *d = placed.details; d; d = d->next) {
        auto_free char *type = tenon_asprintf(TYPE("%s"), d->type);
        if (tenon_has_prefix(d->type, "tenon.")) /* between us */
            continue;
        auto_free char *json = discreet_detail(d->json);
        tenon_vec_push(&details, ((struct any){tenon_arena_strdup(a, type),
                                               {tenon_arena_strdup(a, json), strlen(json)}}));
    }
    const struct all all = {failure.code, failure.message, {details.items, details.len}};
    message_encode(&bytes, &all_message, &all);
    record->error = tenon_arena_dup(a, &failure, sizeof failure);
    record->details = recorder_add(r, HISTORY_ERROR_TYPE, NULL, bytes.data, bytes.len);
    tenon_vec_release(&details);
}
