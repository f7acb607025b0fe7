/* tools/platform.h - the words that platforms are made of, "linux", "arm", "v7", as
 * github.com/containerd/platforms knows them.
 *
 * How a whole platform is kept in memory, and what is said of a text that is not one, is up
 * to its readers: core/image/platform.c, frontend-dockerfile/convert/platform.c. */
#ifndef TENON_TOOLS_PLATFORM_H
#define TENON_TOOLS_PLATFORM_H

#include <stdbool.h>

/* All take lower case. */
bool tenon_platform_is_os(const char *word);
bool tenon_platform_is_arch(const char *word);
/* The usual name: "macos" is "darwin". */
const char *tenon_platform_usual_os(const char *os);
/* The usual names of an architecture and its variant ("" for none), in place: x86_64 is amd64,
 * arm means v7, arm64/v8 is arm64.  The strings put there are static. */
void tenon_platform_usual_arch(const char **arch, const char **variant);

#endif
