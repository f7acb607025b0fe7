/* progress-tty/render.h - from the model to the text that draws it. */
#ifndef TENON_PROGRESS_TTY_RENDER_H
#define TENON_PROGRESS_TTY_RENDER_H

#include "common/progress/model.h"

enum tty_color { TTY_PLAIN, TTY_RUN, TTY_CANCEL, TTY_ERROR, TTY_WARNING, TTY_DIM, TTY_COLORS };

struct tty_render {
    unsigned log_lines;
    bool color;
    char *codes[TTY_COLORS]; /* escape sequences, or NULL for the default ones */
    /* Columns of each line of the last picture, and before them of what
     * earlier ones left above a screen that became too small for them. */
    TENON_VEC(size_t) drawn;
    size_t lost; /* how many of the latter */
    unsigned width, height;
};

/* "run=green:error=255,0,0" (NULL: none).  What cannot be read is left out;
 * the first such part is returned, malloc'ed. */
char *tty_render_colors(struct tty_render *r, const char *spec);
/* The escape sequence of a colour; "" for the terminal's own. */
const char *tty_render_code(const struct tty_render *r, enum tty_color c);
/* Replaces the last picture by the present one.  above: lines to leave standing
 * over it. */
void tty_render_picture(struct tty_render *r, struct pk_model *m, int64_t now_ns,
                        unsigned width, unsigned height, bool final,
                        const struct tenon_buf *above, struct tenon_buf *out);
void tty_render_release(struct tty_render *r);

#endif
