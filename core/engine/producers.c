/* engine/producers.c - which requests made what others may have as an input. */
#include "engine/producers.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "tools/alloc.h"
#include "tools/vec.h"

/* Of all, and of one client, who must not keep the others from being told. */
enum { PRODUCERS_MAX = 10000, CLIENT_MAX = PRODUCERS_MAX / 4, CLIENT_BYTES_MAX = 16 << 20 };

struct producer {
    const void *build;
    char *client, *digest, *request; /* request "": there was one */
};

struct tenon_producers {
    pthread_mutex_t lock;
    TENON_VEC(struct producer) all;
};

struct tenon_producers *
tenon_producers_new(void)
{
    struct tenon_producers *p = tenon_new0(struct tenon_producers);

    pthread_mutex_init(&p->lock, NULL);
    return p;
}

static void
release(struct producer *x)
{
    free(x->client);
    free(x->digest);
    free(x->request);
}

void
tenon_producers_free(struct tenon_producers *p)
{
    if (!p)
        return;
    tenon_vec_foreach(x, &p->all)
        release(x);
    tenon_vec_release(&p->all);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

void
tenon_producers_add(struct tenon_producers *p, const char *client, const void *build,
                    const char *digest, const char *request)
{
    size_t count = 0, bytes = strlen(request);
    if (bytes > TENON_REQUEST_MAX)
        request = "";
    pthread_mutex_lock(&p->lock);
    tenon_vec_foreach(x, &p->all)
        if (!strcmp(x->client, client)) {
            count++;
            bytes += strlen(x->request);
        }
    if (bytes > CLIENT_BYTES_MAX)
        request = "";
    if (p->all.len < PRODUCERS_MAX && count < CLIENT_MAX)
        tenon_vec_push(&p->all, ((struct producer){ build, tenon_strdup(client),
                                                    tenon_strdup(digest),
                                                    tenon_strdup(request) }));
    pthread_mutex_unlock(&p->lock);
}

char *
tenon_producers_find(struct tenon_producers *p, const char *client, const char *digest)
{
    const char *found = NULL;
    bool differ = false;

    pthread_mutex_lock(&p->lock);
    tenon_vec_foreach(x, &p->all)
        if (!strcmp(x->digest, digest) && !strcmp(x->client, client)) {
            differ = differ || (found && strcmp(found, x->request) != 0);
            found = x->request;
        }
    char *copy = found && *found && !differ ? tenon_strdup(found) : NULL;
    pthread_mutex_unlock(&p->lock);
    return copy;
}

void
tenon_producers_forget(struct tenon_producers *p, const void *build)
{
    size_t kept = 0;

    pthread_mutex_lock(&p->lock);
    tenon_vec_foreach(x, &p->all)
        if (x->build == build)
            release(x);
        else
            p->all.items[kept++] = *x;
    p->all.len = kept;
    pthread_mutex_unlock(&p->lock);
}
