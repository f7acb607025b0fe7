/* serve/gomode.c - two spellings of a mode. */
#include "gomode.h"

#include <stddef.h>

#include "tools/alloc.h"

#define BIT(n) (INT64_C(1) << (n))

/* What has no bit is a regular file. */
static const struct {
    int64_t go;
    mode_t here;
} types[] = {
    {BIT(31), S_IFDIR}, {BIT(27), S_IFLNK}, {BIT(25), S_IFIFO}, {BIT(24), S_IFSOCK},
    {BIT(26), S_IFBLK}, {BIT(26) | BIT(21), S_IFCHR}, {0, S_IFREG},
};
static const struct {
    int64_t go;
    mode_t here;
} marks[] = {{BIT(23), S_ISUID}, {BIT(22), S_ISGID}, {BIT(20), S_ISVTX}};

/* With "irregular", which nothing here is. */
#define GO_TYPES (BIT(31) | BIT(27) | BIT(26) | BIT(25) | BIT(24) | BIT(21) | BIT(19))

mode_t
gomode_to_unix(int64_t go)
{
    mode_t mode = (mode_t)(go & 0777), type = 0;

    for (size_t i = 0; i < tenon_countof(types); i++)
        if ((go & GO_TYPES) == types[i].go)
            type = types[i].here;
    if (!type || S_ISSOCK(type) || S_ISBLK(type) || S_ISCHR(type))
        return 0;
    for (size_t i = 0; i < tenon_countof(marks); i++)
        mode |= go & marks[i].go ? marks[i].here : 0;
    return type | mode;
}

int64_t
gomode_of_unix(mode_t mode)
{
    int64_t go = mode & 0777;

    for (size_t i = 0; i < tenon_countof(types); i++)
        if ((mode & S_IFMT) == types[i].here)
            go |= types[i].go;
    for (size_t i = 0; i < tenon_countof(marks); i++)
        go |= mode & marks[i].here ? marks[i].go : 0;
    return go;
}
