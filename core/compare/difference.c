/* compare/difference.c - see difference.h. */
#include "compare/difference.h"

#include <string.h>

#include "tools/alloc.h"

#define STEP_SHOWN 60
#define DIGEST_HEX 64
#define DIGEST_SHOWN 12

const char *const tenon_words[TENON_WORDS + 1] = {
    [TENON_WORD_INDEX] = "index",
    [TENON_WORD_PLATFORM] = "platform",
    [TENON_WORD_ATTESTATION] = "attestation",
    [TENON_WORD_MANIFEST] = "manifest",
    [TENON_WORD_CONFIG] = "config",
    [TENON_WORD_HISTORY] = "history",
    [TENON_WORD_LAYERS] = "layers",
    [TENON_WORD_COMPRESSION] = "compression",
    [TENON_WORD_TAR] = "tar",
    [TENON_WORD_FILE] = "file",
    [TENON_WORD_TYPE] = "type",
    [TENON_WORD_CONTENT] = "content",
    [TENON_WORD_MODE] = "mode",
    [TENON_WORD_OWNER] = "owner",
    [TENON_WORD_TIME] = "time",
    [TENON_WORD_XATTR] = "xattr",
    [TENON_WORD_LINK] = "link",
    [TENON_WORD_DEVICE] = "device",
};

/* A heredoc is a step of many lines. */
static void
add_step(struct tenon_buf *out, const char *step)
{
    const size_t line = strcspn(step, "\n");
    size_t len = line < STEP_SHOWN ? line : STEP_SHOWN;
    while (len < line && len && ((unsigned char)step[len] & 0xc0) == 0x80)
        len--; /* a character stays whole */
    tenon_buf_adds(out, " (");
    tenon_buf_add(out, step, len);
    tenon_buf_adds(out, step[len] ? "...)" : ")");
}

/* Of a digest as much as tells two apart. */
static void
add_value(struct tenon_buf *out, const char *value)
{
    static const char algorithm[] = "sha256:";
    const char *at = strstr(value, algorithm);
    const char *hex = at ? at + strlen(algorithm) : "";
    if (!at || strspn(hex, "0123456789abcdef") != DIGEST_HEX) {
        tenon_buf_adds(out, value);
        return;
    }
    tenon_buf_add(out, value, (size_t)(hex - value) + DIGEST_SHOWN);
    tenon_buf_adds(out, hex + DIGEST_HEX);
}

void
tenon_difference_text(const struct tenon_difference *d, struct tenon_buf *out)
{
    if (d->platform)
        tenon_buf_addf(out, "%s: ", d->platform);
    if (d->layer) {
        tenon_buf_addf(out, "layer %u", d->layer);
        if (d->step)
            add_step(out, d->step);
        tenon_buf_adds(out, ": ");
    }
    if (d->path)
        tenon_buf_addf(out, "%s: ", d->path);
    if (d->word != TENON_WORD_FILE)
        tenon_buf_addf(out, "%s%s%s: ", tenon_words[d->word],
                       d->member && *d->member != '[' ? " " : "", d->member ? d->member : "");
    if (!d->a || !d->b) {
        tenon_buf_addf(out, "only in %s: ", d->a ? "A" : "B");
        add_value(out, d->a ? d->a : d->b ? d->b : "");
        return;
    }
    add_value(out, d->a);
    tenon_buf_adds(out, " -> ");
    add_value(out, d->b);
}

int
tenon_differ(struct tenon_comparison *c, enum tenon_word word, const char *path,
             const char *member, const char *a, const char *b, struct tenon_error *err)
{
    c->seen++;
    if (c->ignored & TENON_WORD_BIT(word))
        return 0;
    const struct tenon_difference d = {
        .word = word, .platform = c->platform, .layer = c->layer, .step = c->step,
        .path = path, .member = member, .a = a, .b = b,
    };
    c->found++;
    return c->report(c->data, &d, err);
}
