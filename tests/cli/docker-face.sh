#!/bin/sh
# The docker client calls tenon: as `docker tenon`, and for `docker build`.
. "$(dirname "$0")/lib.sh"

config=$work/docker
mkdir "$config"
cat >"$config/config.json" <<'END'
{"auths": {"127.0.0.1:1": {"auth": "dXNlcjpwYXNz"}}, "currentContext": "default",
 "aliases": {"other": "thing"}, "number": 12345678901234567, "slash": "a/b"}
END
chmod 640 "$config/config.json"
cp "$config/config.json" "$work/before.json"

# What the client asks first, under the name it uses.
ln -s "$abs_top_builddir/tenon-dev" "$work/docker-tenon"
run 0 "$work/docker-tenon" docker-cli-plugin-metadata
grep -q '^{"SchemaVersion":"0.1.0","Vendor":"[^"]*","Version":"[^"]*","ShortDescription":"[^"]*"' \
    "$work/out" || fail "odd metadata: $(cat "$work/out")"
run 0 "$work/docker-tenon" --config "$config" -D --host=tcp://127.0.0.1:1 tenon version -q
run 0 "$work/docker-tenon" tenon --help
assert_has "$work/out" "Usage: docker tenon"
run 0 "$work/docker-tenon" help tenon build
assert_has "$work/out" "docker tenon build"
run 2 "$work/docker-tenon" version
assert_has "$work/err" "docker-tenon tenon VERB"

# enable keeps everything else, twice is as good as once, disable undoes it.
run 0 tenon docker --config "$config" status
assert_eq disabled "$(cat "$work/out")"
run 0 tenon docker enable --config "$config"
run 0 tenon docker enable --config "$config"
assert_eq 640 "$(stat -c %a "$config/config.json")"
[ -x "$config/cli-plugins/docker-tenon" ] || fail "no plugin link"
if can_try "what enable changed" jq; then
    assert_eq tenon "$(jq -r .aliases.builder "$config/config.json")"
    jq -S . "$work/before.json" >"$work/a"
    jq -S 'del(.aliases.builder)' "$config/config.json" >"$work/b"
    cmp "$work/a" "$work/b" || fail "enable changed more than the alias"
fi
assert_has "$config/config.json" '12345678901234567'
assert_has "$config/config.json" '"a/b"'
run 0 env DOCKER_CONFIG="$config" "$abs_top_builddir/tenon-dev" docker status
assert_eq enabled "$(cat "$work/out")"

run 0 tenon docker disable --config "$config"
assert_no_file "$config/cli-plugins/docker-tenon"
assert_lacks "$config/config.json" builder
assert_has "$config/config.json" '"other"'

# Another's builder is not ours to remove; a file that is no link neither.
echo '{"aliases": {"builder": "buildx"}}' >"$config/config.json"
run 0 tenon docker disable --config "$config"
assert_has "$config/config.json" buildx
echo '#!/bin/sh' >"$config/cli-plugins/docker-tenon"
run 1 tenon docker enable --config "$config"
assert_has "$work/err" "not a link"
assert_has "$config/config.json" buildx
rm "$config/cli-plugins/docker-tenon"

# What cannot be read is not overwritten.
echo '{"aliases": ' >"$config/config.json"
run 1 tenon docker enable --config "$config"
assert_eq '{"aliases": ' "$(cat "$config/config.json")"
rm "$config/config.json"

# A config.json that leads elsewhere stays a link.
echo '{}' >"$work/elsewhere.json"
ln -s "$work/elsewhere.json" "$config/config.json"
run 0 tenon docker enable --config "$config"
[ -L "$config/config.json" ] || fail "the link was replaced"
assert_has "$work/elsewhere.json" '"builder"'

# What docker's builder has besides: there is one, and what manages several says so.
ln -s "$abs_top_builddir/tenon-dev" "$work/docker-buildx"
TENON_ROOT=$store
export TENON_ROOT
tried=0
for face in "docker-tenon tenon" "docker-buildx buildx"; do
    face() { "$work/${face% *}" "${face#* }" "$@"; }
    run 0 face ls
    assert_eq "default* tenon" "$(echo $(sed -n 2p "$work/out"))"
    run 0 face ls --no-trunc --format json
    grep -q '"Name":"default".*"Status":"running"' "$work/out" || fail "ls says: $(cat "$work/out")"
    for name in "" default; do
        run 0 face inspect --bootstrap $name
        grep -qx "Store: *$store" "$work/out" || fail "inspect does not know the store"
        tried=$((tried + 1))
    done
    run 0 face use default
    run 0 face use --default default
    run 2 face use --no-such-flag default
    run 2 face use
    run 0 face use --help
    assert_has "$work/out" "use [OPTIONS] NAME"
    run 0 face version -q
    run 0 face du --builder default
    run 0 face --builder default du
    run 0 face --builder=default prune --force
    run 0 face b --help
    for words in "inspect other" "use other" "du --builder other" "prune --builder=other --force" "--builder other ls" \
        "--builder=other ls"; do
        run 2 face $words
        assert_has "$work/err" 'no builder "other": there is one, "default"'
        tried=$((tried + 1))
    done
    run 2 face --builder
    for verb in bake create dap debug dial-stdio imagetools install policy rm stop uninstall; do
        run 2 face $verb --whatever
        assert_has "$work/err" "tenon: $verb: "
        assert_lacks "$work/err" unknown
        tried=$((tried + 1))
    done
    run 2 face none-such
    assert_has "$work/err" 'unknown verb "none-such"'
done
[ $tried = 38 ] || fail "$tried tried"
# In the face alone.
run 2 tenon ls
assert_has "$work/err" "unknown verb"

# What would lead others to another builder: a warning, once a build, in the displays of people.
mkdir "$work/empty"
printf 'FROM scratch\n' >"$work/empty/Dockerfile"
run 0 env BUILDX_BUILDER=far BUILDKIT_HOST=tcp://192.0.2.1:1234 "$work/docker-tenon" tenon build --progress=plain \
    "$work/empty"
assert_eq 2 "$(grep -c '^warning: .* is ignored: tenon builds here' "$work/err")"
assert_has "$work/err" "BUILDX_BUILDER=far"
assert_has "$work/err" "BUILDKIT_HOST=tcp://192.0.2.1:1234"
run 0 env BUILDX_BUILDER=default BUILDKIT_HOST= "$work/docker-tenon" tenon build --progress=plain "$work/empty"
assert_lacks "$work/err" warning

# A closed network has docker/dockerfile under a name of its own.
syntax() { printf '# syntax=%s\nFROM scratch\nLABEL a=b\n' "$1" >"$work/empty/Dockerfile"; }
cp "$TENON_CONFIG" "$work/tenon.json.before"
printf '%s\n' '{"plugins": {"frontend-dockerfile": {"family": ["mirror.example:5000/docker/dockerfile", "corp/df"]}}}' \
    >"$TENON_CONFIG"
for name in mirror.example:5000/docker/dockerfile mirror.example:5000/docker/dockerfile:1.7-labs corp/df:1 \
    corp/df@sha256:00 corp/df:1@sha256:00 docker/dockerfile:1; do
    syntax "$name"
    run 0 tenon build "$work/empty"
done
for name in mirror.example/docker/dockerfile mirror.example:5000/docker/dockerfile2 mirror.example:5000/docker corp/df/x \
    corp; do
    syntax "$name"
    run 1 tenon build "$work/empty"
    assert_has "$work/err" "frontend image"
done
cp "$work/tenon.json.before" "$TENON_CONFIG"
syntax corp/df:1
run 1 tenon build "$work/empty"

# The real client.
can_try "the real client" docker || exit 0
DOCKER_CONFIG=$config
export DOCKER_CONFIG
run 0 docker --help
assert_has "$work/out" "tenon*"
run 0 docker tenon version -q
run 0 docker build --help
assert_has "$work/out" "Usage: docker tenon build"
run 0 docker image build --help
assert_has "$work/out" "Usage: docker tenon build"
run 0 docker builder prune --help
assert_has "$work/out" "Usage: docker tenon prune"
run 0 docker -D builder du --help
assert_has "$work/out" "Usage: docker tenon du"

# A whole build without a daemon.
need_root
make_bases
mkdir "$work/context"
printf 'FROM base\nCOPY file /file\nRUN cat /file > /copied\n' >"$work/context/Dockerfile"
echo content >"$work/context/file"
export TENON_ROOT="$store"
run 0 docker build --build-context "base=oci-layout://$bases/busybox" \
    -o "type=local,dest=$work/result" "$work/context"
assert_eq content "$(cat "$work/result/copied")"

# The client is told to stop: so is the build, and nothing of it is left.
# The build and its step are known by the store's name in their environment.
alive() { env -u TENON_ROOT grep -lsF "$store" /proc/[0-9]*/environ 2>/dev/null || :; }
printf 'FROM base\nENV MARK=%s\nRUN echo begun; sleep 600\n' "$store" >"$work/context/Dockerfile"
docker build --progress=plain --build-context "base=oci-layout://$bases/busybox" \
    "$work/context" >"$work/slow" 2>&1 &
pid=$!
remember $pid
await_line "$work/slow" ' begun$'
[ "$(alive | wc -l)" -ge 2 ] || fail "neither build nor step is there"
# Ctrl-C is a signal to both, and then one more from the client: one wish. (The
# step's guard may be gone with the first of them, and the client with the build.)
for p in $(alive | cut -d/ -f3); do
    [ "$(readlink "/proc/$p/exe")" != "$abs_top_builddir/tenon" ] || kill -HUP "$p" 2>/dev/null || :
done
kill -TERM $pid 2>/dev/null || :
status=0
wait $pid || status=$?
[ "$status" != 0 ] || fail "a stopped build succeeds"
nobody() { [ -z "$(alive)" ]; }
await "the end of a stopped build's processes" nobody
assert_has "$work/slow" CANCELED
