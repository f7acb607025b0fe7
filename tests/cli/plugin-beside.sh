#!/bin/sh
# Beside what a build makes: observers, which see its events as the display does, and exporters that run
# when all others have succeeded, with a program of this machine.
# shellcheck disable=SC2086 # $base is two words
. "$(dirname "$0")/lib.sh"
need cc jq
need_root
make_bases
mkdir -m 755 "$work/plugins" "$work/context"
chmod 755 "$work"
umask 022

# A progress plugin that writes a line for each finished step and for the end.
cat >"$work/summary.c" <<'END_C'
#include <stdio.h>
#include <string.h>
#include <tenon-plugin.h>
static const struct tenon_host *host;
static int out;
static const char *title;
static const struct tenon_param options[] = {
    { .name = "title", .type = TENON_TYPE_STRING, .def = "summary" },
    { .name = "fails", .type = TENON_TYPE_BOOL, .def = "false" }, { .name = NULL } };
static int
begin(void *self, int fd, bool is_tty, const struct tenon_values *o, struct tenon_error *err)
{
    (void)self;
    out = fd;
    title = host->values->get_string(o, "title");
    if (host->values->get_bool(o, "fails"))
        return host->error->set_text(err, TENON_E_INVALID, 0, "100% wrong: %s");
    return is_tty;
}
static void
event(void *self, const struct tenon_event *ev)
{
    (void)self;
    if (ev->type == TENON_EVENT_VERTEX && ev->completed_ns)
        dprintf(out, "%s: %s\n", title, ev->name);
    if (ev->type == TENON_EVENT_LOG)
        dprintf(out, "said: %.*s", (int)ev->len, (const char *)ev->data);
}
static void
end(void *self, const struct tenon_progress_end *e)
{
    (void)self;
    dprintf(out, "%s: end %d %s\n", title, e->status, e->error ? e->error : "well");
}
static int
start(const struct tenon_host *h, const struct tenon_values *c, void **self, struct tenon_error *e)
{
    (void)c, (void)self, (void)e;
    host = h;
    return 0;
}
static const struct tenon_progress_ops ops = {
    .struct_size = sizeof ops, .open = begin, .event = event, .close = end };
static const struct tenon_plugin plugin = {
    TENON_PLUGIN_HEADER(TENON_KIND_PROGRESS), .name = "summary", .options = options,
    .init = start, .ops.progress = &ops };
TENON_PLUGIN_EXPORT(progress_summary, plugin);
END_C

# An exporter that runs a shell on the tree of the result.
cat >"$work/shell.c" <<'END_C'
#include <tenon-plugin.h>
static const struct tenon_host *host;
static const struct tenon_param options[] = {
    { .name = "run", .type = TENON_TYPE_STRING, .flags = TENON_PARAM_REQUIRED },
    { .name = "needs", .type = TENON_TYPE_STRING }, { .name = NULL } };
static const struct tenon_process_api *
process(void)
{
    return host->extension("tenon.process/0");
}
static int
look(void *self, struct tenon_ctx *ctx, const struct tenon_values *o, uint64_t platforms,
     struct tenon_error *err)
{
    const char *needs = host->values->get_string(o, "needs");
    (void)self, (void)platforms;
    if (!process()->find(ctx, needs ? needs : "sh", "the-package", err))
        return host->error->set_text(err, TENON_E_INVALID, 0, host->error->text(err));
    return 0;
}
static int
write_it(void *self, struct tenon_ctx *ctx, const struct tenon_values *o, struct tenon_result *r,
         struct tenon_error *err)
{
    const char *const argv[] = { "sh", "-c", host->values->get_string(o, "run"), NULL };
    int tree = host->result->tree(ctx, r, 0, err);
    (void)self;
    if (tree < 0)
        return tree;
    const struct tenon_program_fd fds[] = { { tree, 5 } };
    const struct tenon_program program = { .struct_size = sizeof program, .argv = argv, .fds = fds,
                                           .fd_count = 1 };
    return process()->run(ctx, &program, NULL, err);
}
static int
start(const struct tenon_host *h, const struct tenon_values *c, void **self, struct tenon_error *e)
{
    (void)c, (void)self, (void)e;
    host = h;
    return 0;
}
static const struct tenon_exporter_ops ops = {
    .struct_size = sizeof ops, .flags = FLAGS, .title = "running " NAME, .write = write_it,
    .check = look };
static const struct tenon_plugin plugin = {
    TENON_PLUGIN_HEADER(TENON_KIND_EXPORTER), .name = NAME, .options = options, .init = start,
    .ops.exporter = &ops };
#define EXPORT(n) TENON_PLUGIN_EXPORT(n, plugin)
EXPORT(SYMBOL);
END_C

plugin() { # FILE KIND-NAME FLAG...
    from=$1 to=$2
    shift 2
    # shellcheck disable=SC2086
    cc -std=gnu99 -shared -fPIC ${PLUGIN_FLAGS-} -I"$abs_top_srcdir/core/include" "$@" \
        -o "$work/plugins/$to.so" "$work/$from.c"
}
plugin summary progress-summary
plugin shell exporter-shell '-DNAME="shell"' -DFLAGS=0 -DSYMBOL=exporter_shell
plugin shell exporter-tell '-DNAME="tell"' -DFLAGS=TENON_EXPORTER_LAST -DSYMBOL=exporter_tell
with() { tenon --plugin-dir "$work/plugins" "$@"; }
cd "$work/context"
base="--build-context busybox=oci-layout://$bases/busybox"
export TENON_CONFIG="$work/tenon.json"
echo '{}' >"$TENON_CONFIG"
cat >Dockerfile <<'END_F'
FROM busybox
RUN --mount=type=secret,id=word echo "spoken $(cat /run/secrets/word)" >/made
RUN --mount=type=secret,id=word cat /run/secrets/word; echo; echo "spoken $(cat /run/secrets/word)"
END_F
echo -n plainword-x1 >"$work/word"

echo "-- observers"
run 0 with build --progress=plain --secret id=word,src="$work/word" $base \
    --observe "summary,dest=$work/seen,title=mine" .
assert_has "$work/err" "RUN --mount"
assert_has "$work/seen" "mine: [2/3] RUN"
assert_has "$work/seen" "mine: end 0 well"
assert_has "$work/seen" "said: " # in one piece or in two
assert_has "$work/seen" "spoken ***"
assert_lacks "$work/seen" plainword-x1 # what a record would not have either
# What is there stays; without a display and a record, too.
echo "{\"observers\": [\"summary,dest=$work/seen,title=other\"], \"keep\": {\"history\": {\"number\": 0}}}" >"$TENON_CONFIG"
run 0 with build -q --secret id=word,src="$work/word" $base .
assert_has "$work/seen" "mine: end 0 well"
assert_has "$work/seen" "other: end 0 well"
echo '{}' >"$TENON_CONFIG"
# A build that fails, and one that does not begin.
printf 'FROM busybox\nRUN exit 3\n' >Fails
run 1 with build -f Fails $base --observe "summary,dest=$work/failed" .
assert_has "$work/failed" "summary: end -1 failed to build: failed to solve: process"
run 2 with build --progress=fast $base --observe "summary,dest=$work/odd" .
assert_has "$work/odd" "summary: end -2 failed to build"
# One of tenon's own beside another; without a file it writes nowhere.
run 0 with build --progress=plain --secret id=word,src="$work/word" $base --observe json,dest="$work/events" .
jq -se 'length > 2' "$work/events" >/dev/null || fail "no events"
run 0 with build --progress=rawjson --secret id=word,src="$work/word" $base --observe plain .
jq -se 'length > 2' "$work/err" >/dev/null || fail "something else is in the display's stream"
# What is wrong fails before the first step.
run 2 with build $base --observe "summary,fails" .
assert_has "$work/err" "observer summary: 100% wrong: %s"
run 2 with build $base --observe summary --observe summary .
assert_has "$work/err" "it is there twice"
run 2 with build $base --progress=plain --observe plain .
assert_has "$work/err" "it is an observer already"
run 2 with build $base --observe sumary .
assert_has "$work/err" "did you mean summary?"
run 2 with build $base --observe summary,titel=x .
assert_has "$work/err" "did you mean title?"
run 2 with build $base --observe "summary,dest=" .
assert_has "$work/err" "dest without a file"
run 2 with build $base --observe "summary,dest=$work/nowhere/x" .
assert_has "$work/err" "$work/nowhere/x"
echo '{"observers": [1]}' >"$TENON_CONFIG"
run 2 with build $base .
assert_has "$work/err" "observers[0]: expected a string"
echo '{}' >"$TENON_CONFIG"

echo "-- exporters that are last, and programs"
printf 'FROM busybox\nRUN echo made >/made\n' >Dockerfile
run 0 with build --progress=plain $base -o "type=tell,run=test -e $work/tree/made && echo told >$work/told" \
    -o type=local,dest="$work/tree" .
assert_eq told "$(cat "$work/told")" # though it stands before the other
rm "$work/told"
run 1 with build --progress=plain $base -o "type=tell,run=echo told >$work/told" \
    -o "type=shell,run=echo no room >&2; exit 4" .
assert_has "$work/err" "sh: exit code 4: no room"
assert_has "$work/err" "running shell"
assert_no_file "$work/told"
run 0 with build --progress=plain $base -o "type=shell,run=cat /proc/self/fd/5/made" .
grep -Eq '^#[0-9]+ .*made$' "$work/err" || fail "what the program says is not shown"
run 2 with build $base -o type=shell,run=true,needs=no-such-program .
assert_has "$work/err" 'program "no-such-program" is not there'
# It dies with the build, however that ends.
printf 'FROM scratch\nCOPY Dockerfile /\n' >Dockerfile
# shellcheck disable=SC2016 # the program's
"$abs_top_builddir/tenon-dev" --root "$store" --plugin-dir "$work/plugins" build \
    -o "type=shell,run=echo \$\$ >$work/pid.new; mv $work/pid.new $work/pid; exec sleep 1000" . 2>/dev/null &
build=$!
started="$started $build"
await "the program" test -e "$work/pid"
kill -KILL "$build"
ended() { ! grep -qs '^State:.[^Z]' "/proc/$(cat "$work/pid")/status"; }
await "its end" ended
