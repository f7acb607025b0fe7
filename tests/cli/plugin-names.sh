#!/bin/sh
# Names that plugins declare: what "# syntax=", the name of a build file and a default file choose, and
# schemes of sources wherever a build file has one.  Two that declare the same are told, never chosen
# between.
. "$(dirname "$0")/lib.sh"
need cc jq
need_root
mkdir -m 755 "$work/plugins" "$work/context" "$work/two"
chmod 755 "$work"
umask 022

# A frontend NAME whose image has the one file /who, which names it.
cat >"$work/frontend.c" <<'END_C'
#include <string.h>
#include <tenon-graph.h>
#include <tenon-plugin.h>
static const struct tenon_host *host;
static int
solve(void *self, struct tenon_ctx *ctx, const struct tenon_frontend_request *rq,
      const struct tenon_bridge *bridge, struct tenon_result *result, struct tenon_error *err)
{
    static const char config[] = "{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{}}";
    struct tenon_ref *ref = NULL;
    static const int64_t epoch = 0;
    struct tenon_node *files = tenon_llb_file(host, rq->graph, err);
    (void)self;
    if (!files || !tenon_llb_mkfile(host, files, "/who", 0644, NAME, strlen(NAME), NULL, &epoch, err) ||
        bridge->solve(ctx, rq->graph, files, 0, &ref, err) < 0 ||
        host->result->add(result, rq->host_platform, ref, err) < 0)
        return host->error->code(err);
    return host->result->set(result, "containerimage.config", config, strlen(config), err);
}
static int
start(const struct tenon_host *h, const struct tenon_values *c, void **self, struct tenon_error *e)
{
    (void)c, (void)self, (void)e;
    host = h;
    return 0;
}
static const char *const syntaxes[] = { "ini", "example.org:5000/team/ini", NULL };
static const char *const files[] = { "site.ini", "*.ini", NULL };
static const struct tenon_frontend_ops ops = {
    .struct_size = sizeof ops, .solve = solve, .syntaxes = syntaxes, .files = files,
    .default_file = DEFAULT };
static const struct tenon_plugin plugin = {
    TENON_PLUGIN_HEADER(TENON_KIND_FRONTEND), .name = NAME, .key_policy = TENON_KEY_NEUTRAL,
    .init = start, .ops.frontend = &ops };
#define EXPORT(n) TENON_PLUGIN_EXPORT(n, plugin)
EXPORT(SYMBOL);
END_C

# A source of one file, data, with the rest of the identifier in it.
cat >"$work/source.c" <<'END_C'
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <tenon-plugin.h>
static const struct tenon_host *host;
static int
resolve(void *self, struct tenon_ctx *ctx, const struct tenon_source_request *rq,
        struct tenon_source_info *info, struct tenon_error *err)
{
    (void)self, (void)err;
    info->flags = TENON_SOURCE_TREE;
    info->identifier = info->key = host->ctx->strdup(ctx, rq->identifier);
    if (strstr(rq->identifier, "config")) {
        info->config = "{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{\"Env\":[\"FROM_SOURCE=yes\"]}}";
        info->config_len = strlen(info->config);
    }
    return 0;
}
static int
fetch(void *self, struct tenon_ctx *ctx, const struct tenon_source_request *rq,
      const struct tenon_source_info *info, int dir, struct tenon_error *err)
{
    const char *text = strstr(rq->identifier, "://") + 3;
    (void)self, (void)info;
    int fd = host->files->open_in(ctx, dir, "data", O_WRONLY | O_CREAT, 0644, err);
    if (fd < 0)
        return fd;
    ssize_t n = write(fd, text, strlen(text));
    close(fd);
    return n < 0 ? host->error->set(err, TENON_E_FAILED, 0, "write") : 0;
}
static int
start(const struct tenon_host *h, const struct tenon_values *c, void **self, struct tenon_error *e)
{
    (void)c, (void)self, (void)e;
    host = h;
    return 0;
}
static const char *const schemes[] = { SCHEMES, NULL };
static const struct tenon_source_ops ops = {
    .struct_size = sizeof ops, .schemes = schemes, .resolve = resolve, .fetch = fetch };
static const struct tenon_plugin plugin = {
    TENON_PLUGIN_HEADER(TENON_KIND_SOURCE), .name = NAME, .key_policy = TENON_KEY_CONTENT,
    .init = start, .ops.source = &ops };
#define EXPORT(n) TENON_PLUGIN_EXPORT(n, plugin)
EXPORT(SYMBOL);
END_C

# plugin DIR KIND NAME FLAG...
plugin() {
    dir=$1 kind=$2 named=$3
    shift 3
    # shellcheck disable=SC2086
    cc -std=c99 -shared -fPIC ${PLUGIN_FLAGS-} -I"$abs_top_srcdir/core/include" "-DNAME=\"$named\"" \
        "-DSYMBOL=${kind}_$named" "$@" -o "$work/$dir/$kind-$named.so" "$work/$kind.c"
}
plugin plugins frontend ini '-DDEFAULT="site.ini"'
plugin plugins source data '-DSCHEMES="data", "records"'
with() { tenon --plugin-dir "$work/plugins" "$@"; }
export TENON_CONFIG="$work/tenon.json"
echo '{}' >"$TENON_CONFIG"
cd "$work/context"

# who NAME FLAG...: the build with FLAG is made by the frontend NAME.
who() {
    made_by=$1
    shift
    rm -rf "$work/out.d"
    run 0 with build --progress=plain -o "$work/out.d" "$@"
    assert_eq "$made_by" "$(cat "$work/out.d/who")"
}

echo "-- frontends"
echo 'x' >site.ini
who ini .                               # there is no Dockerfile: the default file
who ini -f site.ini .
echo 'x' >other.ini
who ini -f other.ini .
printf 'FROM scratch\nCOPY who /who\n' >Dockerfile
echo dockerfile >who
who dockerfile .                        # it stands before the default of another
who ini -f site.ini .
printf '# syntax=docker/dockerfile:1\nFROM scratch\nCOPY who /who\n' >really.ini
who dockerfile -f really.ini .          # what the file says stands before its name
who dockerfile --build-arg BUILDKIT_SYNTAX=docker/dockerfile -f Dockerfile .
who ini --build-arg BUILDKIT_SYNTAX=ini -f Dockerfile .
printf '# syntax=ini\nx\n' >Said
who ini -f Said .
printf '# syntax=example.org:5000/team/ini:2@sha256:%064d\nx\n' 0 >Said
who ini -f Said .
run 0 with plugins frontend-ini
assert_has "$work/out" "# syntax=: ini example.org:5000/team/ini"
assert_has "$work/out" "build files: site.ini *.ini"
assert_has "$work/out" "default build file: site.ini"
run 0 with plugins --format json
jq -se '.[] | select(.name == "ini") | .syntaxes[0] == "ini" and .defaultFile == "site.ini"
    and (.files | length) == 2' "$work/out" >/dev/null || fail "the names are not in JSON"
assert_lacks "$work/err" "declared by two"

echo "-- two frontends"
plugin two frontend second '-DDEFAULT="second.ini"'
with_two() { tenon --plugin-dir "$work/plugins" --plugin-dir "$work/two" "$@"; }
run 1 with_two build -f other.ini .
assert_has "$work/err" 'the build file "other.ini" is declared by two plugins, frontend-ini and frontend-second'
assert_has "$work/err" '{"frontends": {"WORD": "NAME"}} in tenon.json, and "# syntax=WORD" in the file'
printf '# syntax=word\nx\n' >said.ini
echo '{"frontends": {"word": "second"}}' >"$TENON_CONFIG"
rm -rf "$work/out.d"
run 0 with_two build -o "$work/out.d" -f said.ini .
assert_eq second "$(cat "$work/out.d/who")"
echo '{}' >"$TENON_CONFIG"
run 1 with_two build --build-arg BUILDKIT_SYNTAX=ini .
assert_has "$work/err" '"# syntax=ini" is declared by two plugins'
assert_has "$work/err" '{"frontends": {"ini": "NAME"}}'
run 0 with_two plugins
assert_has "$work/err" '"# syntax=ini" is declared by two plugins, frontend-ini and frontend-second'
mv Dockerfile kept
echo 'x' >second.ini
run 2 with_two build .
assert_has "$work/err" "the context has two build files, site.ini and second.ini"
mv kept Dockerfile
rm second.ini
echo '{"frontends": {"ini": "second"}}' >"$TENON_CONFIG"
rm -rf "$work/out.d"
run 0 with_two build -o "$work/out.d" --build-arg BUILDKIT_SYNTAX=ini .
assert_eq second "$(cat "$work/out.d/who")"
echo '{"frontends": {"alowed": "second"}}' >"$TENON_CONFIG"
run 1 with_two build .
assert_has "$work/err" 'did you mean "allowed"'
echo '{}' >"$TENON_CONFIG"

echo "-- sources"
made() {
    rm -rf "$work/out.d"
    run 0 with build --progress=plain -o "$work/out.d" "$@"
}
printf 'FROM records://a/b\n' >Dockerfile
made .
assert_eq a/b "$(cat "$work/out.d/data")"
printf 'FROM scratch\nCOPY --from=data://of-copy /data /x\nADD data://of-add /y/\n' >Dockerfile
made .
assert_eq of-copy "$(cat "$work/out.d/x")"
assert_eq of-add "$(cat "$work/out.d/y/data")"
printf 'FROM scratch\nCOPY --from=named /data /x\n' >Dockerfile
made --build-context named=data://of-context .
assert_eq of-context "$(cat "$work/out.d/x")"
printf 'FROM data://config\n' >Dockerfile
run 0 with build -o type=oci,dest="$work/image.tar" .
mkdir "$work/oci"
tar -C "$work/oci" -xf "$work/image.tar"
grep -rqs FROM_SOURCE=yes "$work/oci/blobs" || fail "the source's config is not the image's"
printf 'FROM scratch\nCOPY data://x /\n' >Dockerfile
run 1 with build .
assert_has "$work/err" "source can't be a URL for COPY"
run 0 with plugins source-data
assert_has "$work/out" "schemes: data records"
# Whom nobody serves is what it was: a name of an image, or a path.
printf 'FROM nobody://x\n' >Dockerfile
run 1 with build .
assert_has "$work/err" "invalid reference format"
printf 'FROM scratch\nFROM local://context\n' >Dockerfile
run 1 with build .
assert_has "$work/err" "invalid reference format"

echo "-- two sources"
plugin two source other '-DSCHEMES="records"'
printf 'FROM records://a\n' >Dockerfile
run 1 with_two build .
assert_has "$work/err" 'the scheme "records" is declared by two plugins, source-data and source-other'
run 0 with_two plugins
assert_has "$work/err" 'the scheme "records" is declared by two plugins'

echo "-- names that nothing asks for"
mkdir -m 755 "$work/bad"
bad() { # KIND NAME FLAG TEXT
    plugin bad "$1" "$2" "$3"
    tenon --plugin-dir "$work/bad" plugins "$1-$2" >"$work/out" 2>&1 || :
    assert_has "$work/out" "$4"
}
bad frontend fixed '-DDEFAULT="Dockerfile"' "which are always read as Dockerfiles"
bad frontend ends '-DDEFAULT="site.Dockerfile"' "which are always read as Dockerfiles"
bad source under '-DSCHEMES="my_data"' "a scheme that it declares has more"
bad source upper '-DSCHEMES="Data"' "a scheme that it declares has more"
