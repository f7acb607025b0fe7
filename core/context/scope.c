/* context/scope.c - see scope.h. */
#include "context/scope.h"

#include <string.h>

#include "tools/buf.h"

/* "[build 2/5] RUN make" -> "[build 2] RUN"; other names as they are. */
static void
add_place(struct tenon_buf *b, const char *name)
{
    const char *end = name[0] == '[' ? strstr(name, "] ") : NULL;

    if (!end) {
        tenon_buf_adds(b, name);
        return;
    }
    const char *slash = memchr(name, '/', (size_t)(end - name));
    const size_t word = strcspn(end + 2, " ");
    tenon_buf_add(b, name, (size_t)((slash ? slash : end) - name));
    tenon_buf_add(b, end, word + 2);
}

char *
tenon_step_place(const struct tenon_session *session, const char *name)
{
    auto_buf struct tenon_buf b = TENON_BUF_INIT;
    const char *path = session && session->local_path
                           ? session->local_path(session->data, "context")
                           : NULL;

    if (path)
        tenon_buf_addf(&b, "%s: ", path);
    add_place(&b, name ? name : "");
    return tenon_buf_steal(&b);
}
