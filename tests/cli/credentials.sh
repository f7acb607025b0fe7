#!/bin/sh
# Credentials for a registry, from each place where docker and podman keep
# them: a push to a registry that asks for a password.
. "$(dirname "$0")/lib.sh"
need_root

make_bases

# "secret-of-the-test" as bcrypt has it.
echo 'user:$2b$05$abcdefghijklmnopqrstuu2hir4hxhqSzdkW1wYaCdjOyk2x8X6Wm' >"$work/htpasswd"
start_registry <<END
auth: {htpasswd: {realm: test, path: $work/htpasswd}}
END
mkdir "$work/context" "$work/docker" "$work/bin"
printf 'FROM base\nCOPY file /file\n' >"$work/context/Dockerfile"
echo content >"$work/context/file"
PATH=$work/bin:$PATH
DOCKER_CONFIG=$work/docker
export PATH DOCKER_CONFIG

push() {
    tenon build --progress=plain --build-context "base=oci-layout://$bases/busybox" \
        -o "type=image,name=$registry/test:$1,push=true" "$work/context"
}
auth=$(printf 'user:secret-of-the-test' | base64)

run 1 push none
assert_has "$work/err" "$registry"

echo "{\"auths\": {\"$registry\": {\"auth\": \"$auth\"}}}" >"$work/docker/config.json"
run 0 push auths
assert_lacks "$work/err" secret-of-the-test

echo "{\"auths\": {\"http://$registry/v1/\": {\"auth\": \"$auth\"}}}" >"$work/docker/config.json"
run 0 push oldkey

echo "{\"auths\": {\"$registry\": {\"auth\": \"$(printf 'user:wrong' | base64)\"}}}" \
    >"$work/docker/config.json"
run 1 push wrong

cat >"$work/bin/docker-credential-test" <<'END'
#!/bin/sh
[ "$1" = get ] || exit 2
read -r host
echo "$host" >>"${0%/*}/asked"
printf '{"ServerURL":"%s","Username":"user","Secret":"secret-of-the-test"}\n' "$host"
END
cat >"$work/bin/docker-credential-empty" <<'END'
#!/bin/sh
cat >/dev/null
echo "credentials not found in native keychain"
exit 1
END
chmod +x "$work"/bin/docker-credential-*
echo '{"credsStore": "test"}' >"$work/docker/config.json"
run 0 push store
assert_eq "$registry" "$(sort -u "$work/bin/asked")"
echo "{\"credsStore\": \"empty\", \"credHelpers\": {\"$registry\": \"test\"}}" \
    >"$work/docker/config.json"
run 0 push helper
echo "{\"credsStore\": \"empty\", \"auths\": {\"$registry\": {\"auth\": \"$auth\"}}}" \
    >"$work/docker/config.json"
run 0 push fallback
echo '{"credsStore": "../x"}' >"$work/docker/config.json"
run 1 push badname
assert_has "$work/err" "invalid name of a credential helper"

rm "$work/docker/config.json"
echo "{\"auths\": {\"$registry\": {\"auth\": \"$auth\"}}}" >"$work/auth.json"
run 0 env REGISTRY_AUTH_FILE="$work/auth.json" "$abs_top_builddir/tenon-dev" --root "$store" \
    build --build-context "base=oci-layout://$bases/busybox" \
    -o "type=image,name=$registry/test:podman,push=true" "$work/context"
