/* context/kept.c - objects that rooms keep on an engine; they are freed with it. */
#include "context/kept.h"

#include <stdlib.h>

#include "context/engine.h"
#include "tools/alloc.h"

struct tenon_kept {
    const struct tenon_kept_kind *kind;
    void *object;
    struct tenon_kept *next;
};

static struct tenon_kept *
find(struct tenon_kept *list, const struct tenon_kept_kind *kind)
{
    while (list && list->kind != kind)
        list = list->next;
    return list;
}

/* The list only grows, at its head: the loser of a race looks again. */
void *
tenon_engine_kept(struct tenon_engine *engine, const struct tenon_kept_kind *kind)
{
    struct tenon_kept *head = __atomic_load_n(&engine->kept, __ATOMIC_ACQUIRE);
    struct tenon_kept *k = find(head, kind);
    if (k)
        return k->object;
    struct tenon_kept *made = tenon_new0(struct tenon_kept);
    made->kind = kind;
    made->object = kind->make(engine);
    do {
        made->next = head;
        if (__atomic_compare_exchange_n(&engine->kept, &head, made, false,
                                        __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
            return made->object;
    } while (!(k = find(head, kind)));
    kind->free(made->object);
    free(made);
    return k->object;
}

void
tenon_engine_release(struct tenon_engine *engine)
{
    while (engine->kept) {
        struct tenon_kept *k = engine->kept;
        engine->kept = k->next;
        k->kind->free(k->object);
        free(k);
    }
}
