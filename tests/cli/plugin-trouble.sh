#!/bin/sh
# A plugin that misbehaves costs the build, and a message that says which plugin it was, and in what:
# it answers what is no status, ends the process, crashes, prints where the result goes, says too much.
# And what a plugin declares of its options and outputs is so.
. "$(dirname "$0")/lib.sh"
need cc
need_root
make_bases
mkdir -m 755 "$work/plugins" "$work/context"
chmod 755 "$work"
umask 022
cat >"$work/odd.c" <<'END_C'
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <tenon-plugin.h>

static const struct tenon_host *host;

static int
start(const struct tenon_host *h, const struct tenon_values *c, void **self, struct tenon_error *e)
{
    (void)c, (void)self, (void)e;
    host = h;
    return TENON_OK;
}

static int
misbehave(const struct tenon_values *o, struct tenon_error *err)
{
    const char *how = host->values->get_string(o, "do");
    if (!how)
        return TENON_OK;
    printf("printed by %s\n", how);
    if (!strncmp(how, "answer", 6))
        return atoi(how + 6);
    if (!strncmp(how, "exit", 4))
        exit(atoi(how + 4));
    if (!strncmp(how, "signal", 6))
        return raise(atoi(how + 6));
    if (!strcmp(how, "fault"))
        return *(volatile int *)(uintptr_t)8;
    fflush(stdout);
    if (!strcmp(how, "hang"))
        for (;;)
            sleep(1000);
    if (!strcmp(how, "undeclared"))
        return host->values->get_bool(o, how);
    if (!strcmp(how, "much")) {
        char *much = malloc(8 << 20);
        memset(much, 'x', 8 << 20);
        much[(8 << 20) - 1] = 0;
        host->error->set(err, TENON_E_FAILED, 0, "%s", much);
        free(much);
        return TENON_E_FAILED;
    }
    return TENON_OK;
}

#ifdef MOUNT
static const struct tenon_param options[] = {
    { .name = "do", .type = TENON_TYPE_STRING, .flags = TENON_PARAM_BARE },
    { .name = "tag", .type = TENON_TYPE_STRING, .flags = TENON_PARAM_REPEAT },
    { .name = "set", .type = TENON_TYPE_MAP },
    { .name = "note", .type = TENON_TYPE_STRING, .flags = TENON_PARAM_NOT_IN_KEY },
    { .name = "old", .help = "no effect", .type = TENON_TYPE_BOOL, .flags = TENON_PARAM_DEPRECATED },
    { .name = NULL } };

static int
attach(void *self, struct tenon_ctx *ctx, const struct tenon_mount_request *r,
       struct tenon_mount *out, struct tenon_error *err)
{
    char text[256] = "ODD=";
    const char *key, *value;
    (void)self;
    for (size_t i = 0; (value = host->values->get_nth(r->options, "tag", i)); i++)
        strcat(strcat(text, " tag="), value);
    for (size_t i = 0; (value = host->values->get_map(r->options, "set", i, &key)); i++)
        strcat(strcat(strcat(strcat(text, " "), key), "="), value);
    const char **env = host->ctx->alloc(ctx, 2 * sizeof *env);
    env[0] = host->ctx->strdup(ctx, text);
    out->env = env;
    return misbehave(r->options, err);
}

static const struct tenon_mount_ops ops = { .struct_size = sizeof ops, .attach = attach };
static const struct tenon_plugin plugin = {
    TENON_PLUGIN_HEADER(TENON_KIND_MOUNT), .name = "odd", .key_policy = TENON_KEY_OPTIONS,
    .options = options, .init = start, .ops.mount = &ops,
};
TENON_PLUGIN_EXPORT(mount_odd, plugin);
#else
static const struct tenon_param options[] = {
    { .name = "dest", .type = TENON_TYPE_STRING }, { .name = "do", .type = TENON_TYPE_STRING },
    TENON_IMAGE_PARAMS, { .name = NULL } };

static int
write_it(void *self, struct tenon_ctx *ctx, const struct tenon_values *o, struct tenon_result *r,
         struct tenon_error *err)
{
    struct tenon_image image = { .struct_size = sizeof image };
    int rc = misbehave(o, err);
    (void)self;
    if (!rc && FLAGS == TENON_EXPORTER_FILE) {
        int fd = host->sink->open(ctx, host->values->get_string(o, "dest"), err);
        rc = fd >= 0 && write(fd, "result\n", 7) == 7 ? host->sink->commit(ctx, fd, err) : fd;
    }
    if (rc || FLAGS != TENON_EXPORTER_IMAGE)
        return rc;
    rc = host->image->build(ctx, r, o, &image, err);
    for (size_t i = 0; !rc && host->values->get_nth(o, "name", i); i++)
        rc = host->image->tag(ctx, host->image->normalize(ctx, host->values->get_nth(o, "name", i), err),
                             image.digest, err);
    return rc ? rc : host->result->respond(r, "containerimage.digest", image.digest, false, err);
}

static const struct tenon_exporter_ops ops = {
    .struct_size = sizeof ops, .flags = FLAGS, .title = "exporting oddly", .write = write_it };
static const struct tenon_plugin plugin = {
    TENON_PLUGIN_HEADER(TENON_KIND_EXPORTER), .name = NAME, .options = options,
    .init = start, .ops.exporter = &ops,
};
#define EXPORT(name) TENON_PLUGIN_EXPORT(name, plugin)
EXPORT(SYMBOL);
#endif
END_C
compile() { # KIND-NAME FLAGS...
    object=$1
    shift
    cc -shared -fPIC -Wall -Wextra -Werror -I"$abs_top_srcdir/core/include" "$@" \
        -o "$work/plugins/$object.so" "$work/odd.c"
}
compile mount-odd -DMOUNT
compile exporter-file -DFLAGS=TENON_EXPORTER_FILE -DNAME='"file"' -DSYMBOL=exporter_file
compile exporter-dir -DFLAGS=TENON_EXPORTER_DIR -DNAME='"dir"' -DSYMBOL=exporter_dir
compile exporter-picture -DFLAGS=TENON_EXPORTER_IMAGE -DNAME='"picture"' -DSYMBOL=exporter_picture

build() { # the context's Dockerfile comes on standard input
    cat >"$work/context/Dockerfile"
    BUILDKIT_PROGRESS=plain tenon --plugin-dir "$work/plugins" build \
        --build-context "base=oci-layout://$bases/busybox" "$@" "$work/context"
}
mounted() { # OPTIONS
    build -o "type=local,dest=$work/result" <<END
FROM base
RUN --mount=type=odd,target=/odd,$1 echo "\$ODD" > /odd-is
END
}
exported() { build "$@" <"$work/plain"; }
printf 'FROM base\nRUN echo a step\n' >"$work/plain"

# What each costs: a build that failed, and a line with who and where. What it printed is no output.
while read -r how says; do
    case $how:$says in *SIG*) wanted="a signal" ;; *) wanted="" ;; esac
    for who in mount exporter; do
        case $who in
        mount) set -- mount-odd attach mounted "do=$how" ;;
        *) set -- exporter-dir write exported -o "type=dir,dest=$work/result,do=$how" ;;
        esac
        plugin=$1 op=$2
        shift 2
        got=0
        "$@" >"$work/out" 2>"$work/err" || got=$?
        [ "$got" != 0 ] || fail "$plugin $how: the build is a success"
        [ "$wanted" ] || assert_eq "$plugin $how 1" "$plugin $how $got"
        [ "$how" = much ] || assert_has "$work/err" "$plugin"
        assert_has "$work/err" "$(echo "$says" | sed "s/OP/$op/")"
        assert_eq "" "$(cat "$work/out")"
    done
done <<'END'
answer3 OP answered 3, which is no status
answer-1 OP failed without saying why
answer-77 OP failed without saying why
exit0 ended the process in OP
exit3 ended the process in OP
signal11 crashed in OP: SIGSEGV
fault crashed in OP: SIGSEGV
undeclared crashed in OP: SIGABRT
much ... (8388607 bytes)
END
[ "$(wc -c <"$work/err")" -lt 200000 ] || fail "all of a message of 8 MiB is shown"

# What is printed by the way is not in what was asked for.
for dest in - /dev/stdout; do
    run 0 exported -o "type=file,dest=$dest,do=print"
    assert_eq result "$(cat "$work/out")"
    assert_has "$work/err" "printed by print"
done
run 0 exported -q -o type=picture,do=print
grep -qx 'sha256:[0-9a-f]*' "$work/out" || fail "-q prints no id: $(cat "$work/out")"
assert_eq 1 "$(wc -l <"$work/out")"

# Options of a mount: all of what repeats, a map, a word alone, one that is out of use; one that is
# not in the key.
run 0 mounted "tag=b,tag=a,set.K=v,Nothing,note=1"
assert_eq " tag=b tag=a set.K=v" "$(cat "$work/result/odd-is")"
assert_has "$work/err" "printed by Nothing"
run 0 mounted "tag=b,tag=a,set.K=v,Nothing,note=2"
assert_eq CACHED "$(step_ended "$work/err" 'odd-is')"
assert_lacks "$work/err" deprecated
run 0 mounted "tag=a,tag=b,set.K=v,Nothing,note=2,old"
assert_eq " tag=a tag=b set.K=v" "$(cat "$work/result/odd-is")"
assert_has "$work/err" 'mount type odd: the option "old" is deprecated: no effect'

# Outputs: who makes images has names and an id, whoever it is; a place is looked at before a step.
run 0 exported -t of/odd:1 --iidfile "$work/id" -o type=picture
tenon images >"$work/images"
assert_has "$work/images" of/odd
assert_has "$work/id" sha256:
run 2 exported --iidfile "$work/id" -o "type=file,dest=$work/file"
assert_has "$work/err" "cannot use --iidfile with the output type file"
printf 'FROM base\nRUN echo another step\n' >"$work/plain"
for place in "file,dest=$work" "dir,dest=$work/odd.c" file dir; do
    run 2 exported -o "type=$place"
    assert_lacks "$work/err" "another step"
done

# Who does not stop after Ctrl-C is named; and the second one ends it all.
printf 'FROM base\nRUN --mount=type=odd,target=/odd,do=hang true\n' >"$work/context/Dockerfile"
BUILDKIT_PROGRESS=plain "$abs_top_builddir/tenon-dev" --root "$store" --plugin-dir "$work/plugins" build \
    --build-context "base=oci-layout://$bases/busybox" "$work/context" 2>"$work/hangs" &
build=$!
started="$started $build"
await_line "$work/hangs" 'printed by hang'
kill -INT "$build"
await_line "$work/hangs" 'still waiting for mount-odd \(attach\); Ctrl-C again ends it all'
kill -INT "$build"
got=0
wait "$build" || got=$?
assert_eq 130 "$got"

# A file that was cut off is refused before anything of it is touched; a crash while it is loaded is its own.
whole=$(wc -c <"$work/plugins/mount-odd.so")
mkdir -m 755 "$work/cut"
for part in $((whole / 2)) $((whole / 4)) 200; do
    head -c "$part" "$work/plugins/mount-odd.so" >"$work/cut/mount-odd.so"
    run 1 tenon --plugin-dir "$work/cut" plugins odd
    assert_has "$work/err" "$work/cut/mount-odd.so"
done
head -c $((whole / 2)) "$work/plugins/mount-odd.so" >"$work/cut/mount-odd.so"
run 1 tenon --plugin-dir "$work/cut" plugins odd
assert_has "$work/err" "refused: the file is cut off"
{ cat "$work/odd.c"; echo 'static void *nowhere; __attribute__((constructor)) static void f(void) { *(char *)nowhere = 1; }'; } \
    >"$work/early.c"
cc -shared -fPIC -DMOUNT -I"$abs_top_srcdir/core/include" -o "$work/cut/mount-odd.so" "$work/early.c"
got=0
tenon --plugin-dir "$work/cut" plugins odd >"$work/out" 2>"$work/err" || got=$?
[ "$got" != 0 ] || fail "a crash is a success"
assert_has "$work/err" "plugin mount-odd crashed in load: SIGSEGV"
