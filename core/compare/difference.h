/* compare/difference.h - one thing in which two images or trees differ, and the words for it. */
#ifndef TENON_COMPARE_DIFFERENCE_H
#define TENON_COMPARE_DIFFERENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "tools/buf.h"

/* What differs; the names are tenon_words'. */
enum tenon_word {
    TENON_WORD_INDEX,       /* members of an index */
    TENON_WORD_PLATFORM,    /* an image that is for one side alone */
    TENON_WORD_ATTESTATION,
    TENON_WORD_MANIFEST,
    TENON_WORD_CONFIG,
    TENON_WORD_HISTORY,
    TENON_WORD_LAYERS,      /* their number */
    TENON_WORD_COMPRESSION, /* of a layer that holds the same */
    TENON_WORD_TAR,         /* a layer holds the same files, in another order or form */
    TENON_WORD_FILE,        /* one that is on one side alone */
    TENON_WORD_TYPE,
    TENON_WORD_CONTENT,
    TENON_WORD_MODE,
    TENON_WORD_OWNER,
    TENON_WORD_TIME,        /* of files, and of what a document says of when it was made */
    TENON_WORD_XATTR,
    TENON_WORD_LINK,
    TENON_WORD_DEVICE,
    TENON_WORDS
};
extern const char *const tenon_words[TENON_WORDS + 1]; /* NULL-terminated */
#define TENON_WORD_BIT(w) (UINT32_C(1) << (w))

struct tenon_difference {
    enum tenon_word word;
    const char *platform; /* of one image of several, else NULL */
    unsigned layer;       /* from 1; 0: of none */
    const char *step;     /* what made that layer, as its history has it; or NULL */
    const char *path;     /* of a file, or NULL */
    const char *member;   /* of a document, an attribute's name; or NULL */
    const char *a, *b;    /* NULL: that side has none */
};
/* 0: go on; 1: enough; negative. */
typedef int tenon_difference_report(void *data, const struct tenon_difference *d,
                                    struct tenon_error *err);

/* "linux/amd64: layer 2 (RUN make): /etc/x: mode: 0644 -> 0755"; as it came, not made harmless. */
void tenon_difference_text(const struct tenon_difference *d, struct tenon_buf *out);

/* Where a comparison stands, for all that take part in it. */
struct tenon_comparison {
    uint32_t ignored; /* TENON_WORD_BITs */
    const char *platform;
    unsigned layer;
    const char *step;
    tenon_difference_report *report;
    void *data;
    size_t found, seen; /* reported so far; and with what is ignored */
};
/* Unless it is ignored; returns what the report did. */
int tenon_differ(struct tenon_comparison *c, enum tenon_word word, const char *path,
                 const char *member, const char *a, const char *b, struct tenon_error *err);

#endif
