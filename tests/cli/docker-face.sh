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
