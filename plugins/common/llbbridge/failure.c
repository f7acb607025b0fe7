/* common/llbbridge/failure.c - what failed: the operation, and references that the program may
 * mount in a container.  Each is told with the same names, however often it is asked for. */
#include "failure.h"

#include <string.h>

#include "tools/alloc.h"
#include "tools/buf.h"

struct gateway_failure {
    char *vertex; /* its digest */
    char *names; /* of inputs and mounts, in JSON */
};

/* "" of none; false: there are too many. */
static bool
add_name(struct gateway *gw, struct tenon_buf *json, struct tenon_ref *ref)
{
    char name[GATEWAY_NAME_MAX] = "";

    if (ref && !gateway_name_ref(gw, ref, name))
        return false;
    tenon_buf_addf(json, "%s\"%s\"", json->data[json->len - 1] == '[' ? "" : ",", name);
    return true;
}

static bool
add_names(struct gateway *gw, struct tenon_buf *json, const char *key,
          struct tenon_ref *const *refs, size_t count)
{
    if (count == 0)
        return true;
    tenon_buf_addf(json, "%s\"%s\":[", json->len ? "," : "", key);
    for (size_t i = 0; i < count; i++) {
        if (!add_name(gw, json, refs[i]))
            return false;
    }
    tenon_buf_addc(json, ']');
    return true;
}

static const char *
find(struct gateway *gw, const char *vertex)
{
    const char *names = NULL;

    pthread_mutex_lock(&gw->lock);
    tenon_vec_foreach(f, &gw->failures) {
        if (strcmp((*f)->vertex, vertex) == 0)
            names = (*f)->names;
    }
    pthread_mutex_unlock(&gw->lock);
    return names;
}

/* NULL: nothing is kept of it, or there are too many references. */
static const char *
name_refs(struct gateway *gw, const struct tenon_failure *f)
{
    auto_buf struct tenon_buf json = TENON_BUF_INIT;

    if (!add_names(gw, &json, "inputIDs", f->inputs, f->input_count) ||
        !add_names(gw, &json, "mountIDs", f->mounts, f->mount_count) || json.len == 0)
        return NULL;
    struct gateway_failure *told = tenon_new0(struct gateway_failure);
    told->vertex = tenon_strdup(f->vertex);
    told->names = tenon_buf_steal(&json);
    pthread_mutex_lock(&gw->lock);
    tenon_vec_push(&gw->failures, told);
    pthread_mutex_unlock(&gw->lock);
    return told->names;
}

/* In the order of the message, as protobuf's JSON is: what is 0 or empty is not there. */
static void
tell(struct tenon_buf *json, const struct tenon_failure *f, const char *names)
{
    tenon_buf_addf(json, "{%s%s\"op\":%s", names ? names : "", names ? "," : "", f->op);
    if (f->subject != TENON_FAILURE_STEP) {
        tenon_buf_adds(json, f->subject == TENON_FAILURE_ACTION ? ",\"file\":{" : ",\"cache\":{");
        if (f->subject_index)
            tenon_buf_addf(json, "\"index\":\"%u\"", f->subject_index);
        tenon_buf_addc(json, '}');
    }
    if (strcmp(f->description, "{}") != 0)
        tenon_buf_addf(json, ",\"description\":%s", f->description);
    tenon_buf_addc(json, '}');
}

void
failure_add(struct serving *s)
{
    struct gateway *gw = s->gw;
    struct tenon_failure f = {.struct_size = sizeof f};

    if (gw->bridge->failure(s->ctx, gw->graph, s->err, &f, gw->host->error->create(s->ctx)) < 0)
        return;
    auto_buf struct tenon_buf json = TENON_BUF_INIT;
    const char *names = find(gw, f.vertex);
    tell(&json, &f, names ? names : name_refs(gw, &f));
    gw->host->error->detail(s->err, FAILURE_DETAIL, tenon_buf_str(&json));
}

void
failure_release(struct gateway *gw)
{
    tenon_vec_foreach(f, &gw->failures) {
        free((*f)->vertex);
        free((*f)->names);
        free(*f);
    }
    tenon_vec_release(&gw->failures);
}
