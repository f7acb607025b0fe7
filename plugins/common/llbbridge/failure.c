/* common/llbbridge/failure.c - a step that failed, as references that the program may mount in a
 * container.  Each step is told with the same names, however often it is asked for. */
#include "failure.h"

#include <string.h>

#include "tools/alloc.h"
#include "tools/buf.h"

struct gateway_failure {
    char *vertex; /* its digest */
    char *json;
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
    tenon_buf_addf(json, "%s\"%s\":[", json->len ? "," : "{", key);
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
    const char *json = NULL;

    pthread_mutex_lock(&gw->lock);
    tenon_vec_foreach(f, &gw->failures) {
        if (strcmp((*f)->vertex, vertex) == 0)
            json = (*f)->json;
    }
    pthread_mutex_unlock(&gw->lock);
    return json;
}

/* NULL: there are too many references. */
static const char *
tell(struct gateway *gw, const struct tenon_failure *f)
{
    auto_buf struct tenon_buf json = TENON_BUF_INIT;

    if (!add_names(gw, &json, "inputIDs", f->inputs, f->mount_count) ||
        !add_names(gw, &json, "mountIDs", f->mounts, f->mount_count))
        return NULL;
    tenon_buf_addc(&json, '}');
    struct gateway_failure *told = tenon_new0(struct gateway_failure);
    told->vertex = tenon_strdup(f->vertex);
    told->json = tenon_buf_steal(&json);
    pthread_mutex_lock(&gw->lock);
    tenon_vec_push(&gw->failures, told);
    pthread_mutex_unlock(&gw->lock);
    return told->json;
}

void
failure_add(struct serving *s)
{
    struct gateway *gw = s->gw;
    struct tenon_failure f = {.struct_size = sizeof f};

    if (gw->bridge->failure(s->ctx, gw->graph, s->err, &f, gw->host->error_new(s->ctx)) < 0)
        return;
    const char *json = find(gw, f.vertex);
    if (!json)
        json = tell(gw, &f);
    if (json)
        gw->host->error_detail(s->err, FAILURE_DETAIL, json);
}

void
failure_release(struct gateway *gw)
{
    tenon_vec_foreach(f, &gw->failures) {
        free((*f)->vertex);
        free((*f)->json);
        free(*f);
    }
    tenon_vec_release(&gw->failures);
}
