#!/bin/sh
# A mount type says what it holds when a step's key is made, and gives it when the step runs.  What
# changed between the two is in the result and not in the key: under that key nothing is kept.
. "$(dirname "$0")/lib.sh"
need cc
need_root
make_bases
mkdir -m 755 "$work/plugins" "$work/context" "$work/held"
chmod 755 "$work"
umask 022
cat >"$work/held.c" <<'END_C'
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include <tenon-plugin.h>

static const struct tenon_host *host;
static const struct tenon_param config[] = {
    { .name = "dir", .type = TENON_TYPE_STRING, .flags = TENON_PARAM_REQUIRED }, { .name = NULL } };
static int dir;

static int
start(const struct tenon_host *h, const struct tenon_values *c, void **self, struct tenon_error *e)
{
    (void)self;
    host = h;
    dir = open(h->values->get_string(c, "dir"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return dir < 0 ? h->error->set(e, TENON_E_NOT_FOUND, 0, "no directory") : TENON_OK;
}

static int
key(void *self, struct tenon_ctx *ctx, const struct tenon_values *v, struct tenon_key *k,
    struct tenon_error *err)
{
    (void)self, (void)ctx, (void)v;
    int fd = openat(dir, "what", O_RDONLY | O_CLOEXEC);
    char text[64];
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text);
    if (fd >= 0)
        close(fd);
    if (n < 0 || faccessat(dir, "fails", F_OK, 0) == 0)
        return host->error->set(err, TENON_E_NOT_FOUND, 0, "nothing is held");
    host->key->add(k, "what", text, (size_t)n);
    return TENON_OK;
}

/* What lies there as "next" comes in its place after the key was made. */
static int
attach(void *self, struct tenon_ctx *ctx, const struct tenon_mount_request *r,
       struct tenon_mount *out, struct tenon_error *err)
{
    (void)self, (void)ctx, (void)r;
    renameat(dir, "next", dir, "what");
    renameat(dir, "fails-next", dir, "fails");
    out->fd = openat(dir, "what", O_PATH | O_CLOEXEC);
    out->flags = TENON_MOUNT_RDONLY;
    return out->fd < 0 ? host->error->set(err, TENON_E_NOT_FOUND, 0, "nothing is held") : TENON_OK;
}

static const struct tenon_mount_ops ops = { .struct_size = sizeof ops, .attach = attach };
static const struct tenon_plugin plugin = {
    TENON_PLUGIN_HEADER(TENON_KIND_MOUNT), .name = "held", .key_policy = TENON_KEY_CONTENT,
    .config = config, .init = start, .cache_key = key, .ops.mount = &ops,
};
TENON_PLUGIN_EXPORT(mount_held, plugin);
END_C
cc -shared -fPIC -Wall -Wextra -Werror -I"$abs_top_srcdir/core/include" \
    -o "$work/plugins/mount-held.so" "$work/held.c"
echo "{\"plugins\": {\"mount-held\": {\"dir\": \"$work/held\"}}}" >"$work/tenon.json"
cat >"$work/context/Dockerfile" <<'END'
FROM base
RUN --mount=type=held,target=/held cat /held > /one
RUN cat /one > /two
COPY --from=base /bin/busybox /three
RUN cat /two > /four
END
build() {
    run 0 tenon --config "$work/tenon.json" --plugin-dir "$work/plugins" build --progress=plain \
        --build-context "base=oci-layout://$bases/busybox" "$@" \
        -o "type=local,dest=$work/result" "$work/context"
}
result() { cat "$work/result/one" "$work/result/two" "$work/result/four" | tr -d '\n'; }
ended() { # each of the steps in a word
    for step in 'cat /held' 'cat /one' 'cat /two'; do
        step_ended "$work/err" "$step"
    done | tr '\n' ' '
}

echo A >"$work/held/what"
echo B >"$work/held/next"
build --cache-to "type=local,dest=$work/cache,mode=max"
assert_eq BBB "$(result)"
assert_has "$work/err" "WARNING: what a mount of"
assert_has "$work/err" "its result is not kept"

# Neither it nor what stands upon it is found by the key of A, here or in the cache that was written.
echo A >"$work/held/what"
build --cache-from "type=local,src=$work/cache"
assert_eq AAA "$(result)"
assert_eq "DONE DONE DONE " "$(ended)"
assert_lacks "$work/err" WARNING

# Nor is anything else lost by it: what is what its key says is found.
build
assert_eq AAA "$(result)"
assert_eq "CACHED CACHED CACHED " "$(ended)"
echo B >"$work/held/what"
build
assert_eq "BBB DONE DONE DONE " "$(result) $(ended)"

# One that cannot say any more what it held fails no step: what was made is of use, and not kept.
echo C >"$work/held/what"
echo >"$work/held/fails-next"
build
assert_eq CCC "$(result)"
assert_has "$work/err" "holds cannot be told any more; its result is not kept: "
rm "$work/held/fails"
build
assert_eq "CCC DONE DONE DONE " "$(result) $(ended)"
