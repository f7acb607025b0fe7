/* tools/path.h - path arithmetic on text, as Go's package path does it.  Touches no file. */
#ifndef TENON_TOOLS_PATH_H
#define TENON_TOOLS_PATH_H

#include <stdbool.h>

char *tenon_path_clean(const char *path);            /* path.Clean */
char *tenon_path_join(const char *a, const char *b); /* path.Join */
/* The last component; no copy; path must be clean. */
const char *tenon_path_base(const char *path);
/* Is path inside of dir, and not dir itself? Both clean and absolute; all else is below "/". */
bool tenon_path_is_below(const char *path, const char *dir);

#endif
