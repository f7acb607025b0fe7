/* cli/nearfile.c - see nearfile.h. */
#include "nearfile.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tools/alloc.h"
#include "tools/cleanup.h"
#include "tools/parse.h"
#include "tools/path.h"
#include "tools/vec.h"

enum { NAMES_MAX = 1000 }; /* in a directory of more, nobody mistypes one */

static bool
is_file(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* A name of the same directory. */
static char *
beside(const char *path)
{
    const char *slash = strrchr(path, '/');
    auto_free char *dir = slash ? tenon_strndup(path, (size_t)(slash - path) + 1) : NULL;
    DIR *d = opendir(dir ? dir : ".");
    TENON_VEC(char *) names = {0};
    for (struct dirent *e; d && names.len < NAMES_MAX && (e = readdir(d));) {
        auto_free char *whole = tenon_asprintf("%s%s", dir ? dir : "", e->d_name);
        if (is_file(whole))
            tenon_vec_push(&names, tenon_strdup(e->d_name));
    }
    if (d)
        closedir(d);
    if (names.len)
        qsort(names.items, names.len, sizeof *names.items, tenon_by_text);
    tenon_vec_push(&names, NULL);
    const char *near =
        tenon_nearest(slash ? slash + 1 : path, (const char *const *)names.items);
    char *found = near ? tenon_asprintf("%s%s", dir ? dir : "", near) : NULL;
    tenon_strv_free(names.items);
    return found;
}

char *
near_file(const char *path, const char *dir)
{
    auto_free char *below = dir && *path != '/' ? tenon_path_join(dir, path) : NULL;
    return below && is_file(below) ? tenon_steal(&below) : beside(path);
}
