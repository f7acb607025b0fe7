/* cli/buildflags.h - the flags of `docker buildx build` as data. */
#ifndef TENON_CLI_BUILDFLAGS_H
#define TENON_CLI_BUILDFLAGS_H

#include <stdbool.h>
#include <stddef.h>

struct build_flags {
    const char *context; /* the one argument */
    const char *file, *target, *iidfile, *metadata_file, *network, *progress;
    const char *call, *shm_size, *cgroup_parent, *lock_file;
    const char *provenance, *sbom, *sign, *compatibility;
    char **tags, **build_args, **labels, **secrets, **ssh, **platforms;
    char **build_contexts, **outputs, **add_hosts, **no_cache_filter, **entitlements;
    char **annotations, **ulimits, **resources, **cache_from, **cache_to, **policies, **attests;
    char **observers;
    bool no_cache, pull, prefer_store, load, push, quiet, check, debug, explain, repro_check;
    bool locked, offline, help;
    bool locks; /* tenon lock: what the build uses is written down */
};

/* 0, or an exit status after the message was printed.  A flag that is not
 * supported yet is refused by name; those of the classic builder that change
 * nothing here are ignored, with a warning where that matters. */
int build_flags_parse(struct build_flags *f, int argc, char **argv);
void build_flags_release(struct build_flags *f);
struct cli;
void build_flags_help(const struct cli *cli);

#endif
