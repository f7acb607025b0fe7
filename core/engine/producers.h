/* engine/producers.h - which requests made what others may have as an input: by the digests of
 * vertices, for as long as the builds last that were asked.  For any thread. */
#ifndef TENON_ENGINE_PRODUCERS_H
#define TENON_ENGINE_PRODUCERS_H

/* Each request tells of its inputs', too: what two inputs double has an end. */
enum { TENON_REQUEST_MAX = 1 << 20 };

struct tenon_producers;

struct tenon_producers *tenon_producers_new(void);
void tenon_producers_free(struct tenon_producers *p);
/* request: JSON text; one that is too long, or more than a client may have kept, counts as one that
 * is not known.  client: who learns of it, nobody else; build: until when, see below. */
void tenon_producers_add(struct tenon_producers *p, const char *client, const void *build,
                         const char *digest, const char *request);
/* The request, malloc'ed; NULL: none is known, or several that differ. */
char *tenon_producers_find(struct tenon_producers *p, const char *client, const char *digest);
/* All that the build was asked. */
void tenon_producers_forget(struct tenon_producers *p, const void *build);

#endif
