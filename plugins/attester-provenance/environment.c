/* attester-provenance/environment.c - a directory of JSON files as one object. */
#include "environment.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/alloc.h"
#include "tools/cleanup.h"
#include "tools/jsontext.h"

enum { FILE_MAX = 1 << 20, FILES_MAX = 1000 };

static int
is_json(const struct dirent *e)
{
    return tenon_has_suffix(e->d_name, ".json");
}

static int
by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* Of a file; anything else (a directory, a FIFO, which would not end) has none. */
static bool
read_text(int dir, const char *name, struct tenon_buf *out)
{
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    ssize_t n = 0;

    if (fd < 0)
        return false;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return S_ISDIR(st.st_mode);
    }
    do {
        char chunk[4096];
        n = read(fd, chunk, sizeof chunk);
        if (n > 0)
            tenon_buf_add(out, chunk, (size_t)n);
    } while (n > 0 && out->len <= FILE_MAX);
    close(fd);
    return n == 0;
}

static int
add_file(const struct tenon_host *h, int dir, const char *name, struct json_object *to,
         struct tenon_error *err)
{
    struct tenon_buf text = TENON_BUF_INIT;
    int rc = TENON_OK;

    errno = 0;
    if (!read_text(dir, name, &text)) {
        const int why = errno;
        tenon_buf_release(&text);
        return h->error->set(err, TENON_E_INVALID, why,
                             "%s: no file of at most %d MiB that can be read", name,
                             FILE_MAX >> 20);
    }
    struct json_object *o = text.len ? tenon_json_parse_modest(tenon_buf_str(&text)) : NULL;
    if (text.len && !json_object_is_type(o, json_type_object)) {
        rc = h->error->set(err, TENON_E_INVALID, 0, "%s: expected a JSON object", name);
    } else if (o) {
        json_object_object_foreach(o, key, value)
            json_object_object_add(to, key, json_object_get(value));
    }
    json_object_put(o);
    tenon_buf_release(&text);
    return rc;
}

int
environment_read(const struct tenon_host *h, const char *dir, struct json_object **out,
                 struct tenon_error *err)
{
    struct dirent **names = NULL;
    int count = 0, rc = TENON_OK;
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd >= 0)
        count = scandirat(fd, ".", &names, is_json, by_bytes);
    if (count < 0 || (fd < 0 && errno != ENOENT))
        rc = h->error->set(err, TENON_E_INVALID, errno, "environment-dir %s", dir);
    else if (count > FILES_MAX)
        rc = h->error->set(err, TENON_E_LIMIT, 0, "environment-dir %s: more than %d files", dir,
                           FILES_MAX);
    struct json_object *all = json_object_new_object();
    for (int i = 0; i < count; i++) {
        if (rc == TENON_OK && (rc = add_file(h, fd, names[i]->d_name, all, err)) < 0)
            h->error->context(err, "environment-dir %s", dir);
        free(names[i]);
    }
    free(names);
    if (fd >= 0)
        close(fd);
    if (rc == TENON_OK)
        *out = json_object_get(all);
    json_object_put(all);
    return rc;
}
