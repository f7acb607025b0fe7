/* cli/homepath.c - where a user's own files are. */
#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli.h"
#include "tools/alloc.h"
#include "tools/cleanup.h"

char *
cli_home_dir(void)
{
    const char *home = secure_getenv("HOME");
    if (home && *home == '/')
        return tenon_strdup(home);
    struct passwd *pw = getpwuid(geteuid());
    return tenon_strdup(pw && pw->pw_dir ? pw->pw_dir : "/");
}

char *
cli_home_path(const char *xdg_variable, const char *below_home, const char *rest)
{
    const char *xdg = xdg_variable ? secure_getenv(xdg_variable) : NULL;
    if (xdg && *xdg == '/')
        return tenon_asprintf("%s/%s", xdg, rest);
    auto_free char *home = cli_home_dir();
    return tenon_asprintf("%s/%s/%s", home, below_home, rest);
}
