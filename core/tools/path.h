/* tools/path.h - path arithmetic on text, as Go's package path does it.  Touches no file. */
#ifndef TENON_TOOLS_PATH_H
#define TENON_TOOLS_PATH_H

char *tenon_path_clean(const char *path);            /* path.Clean */
char *tenon_path_join(const char *a, const char *b); /* path.Join */
/* The last component; no copy; path must be clean. */
const char *tenon_path_base(const char *path);

#endif
