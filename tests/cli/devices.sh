#!/bin/sh
# RUN --device: CDI names, what must be granted, what the step sees, with both
# executors.
. "$(dirname "$0")/lib.sh"
need_root
make_bases
mkdir "$work/cdi" "$work/context" "$work/data"
echo calibrated >"$work/data/table"
cat >"$work/cdi/vendor.json" <<END
{"cdiVersion": "0.6.0", "kind": "vendor.com/dev", "containerEdits": {"env": ["FAMILY=all"]}, "devices": [
  {"name": "a", "containerEdits": {
    "env": ["DEVICE=a"], "additionalGids": [4711],
    "deviceNodes": [{"path": "/dev/sink", "hostPath": "/dev/null"},
                    {"path": "/dev/own", "type": "c", "major": 1, "minor": 5, "fileMode": 384, "uid": 7},
                    {"path": "/dev/owned", "hostPath": "/dev/zero", "uid": 7},
                    {"path": "/dev/closed", "hostPath": "/dev/zero", "fileMode": 256}],
    "mounts": [{"hostPath": "$work/data", "containerPath": "/opt/data", "options": ["ro", "bind"]}]}},
  {"name": "hooked", "containerEdits": {"hooks": [{"hookName": "createRuntime", "path": "/bin/true"}]}}]}
END
cat >"$work/context/Dockerfile" <<'END'
FROM base
RUN --device=vendor.com/dev=a \
    test "$DEVICE $FAMILY" = "a all" && echo lost >/dev/sink && test -c /dev/sink && \
    test "$(stat -c %a:%u /dev/own)" = 600:7 && test "$(stat -c %u /dev/owned)" = 7 && \
    test "$(stat -c %a /dev/closed)" = 400 && test "$(head -c 1 /dev/own | wc -c)" = 1 && \
    test "$(cat /opt/data/table)" = calibrated && ! touch /opt/data/x 2>/dev/null && id -G | grep -w 4711
RUN test -z "$DEVICE" && ! test -e /opt/data && ! test -e /dev/sink
END
sed 's/=a /=hooked /' "$work/context/Dockerfile" >"$work/context/hooked.Dockerfile"
printf 'FROM base\nRUN --device=mine test "$DEVICE" = a\n' >"$work/context/alias.Dockerfile"
printf 'FROM base\nRUN --device=vendor.com/none,required true\n' >"$work/context/none.Dockerfile"
build() {
    tenon build --progress=plain --build-context "base=oci-layout://$bases/busybox" --no-cache \
        -o type=cacheonly "$@" "$work/context"
}

find_executors
for executor in $executors; do
    printf '{"executor": "%s", "cdi-dirs": ["%s"]}\n' $executor "$work/cdi" >"$TENON_CONFIG"
    run 1 build
    assert_has "$work/err" "device vendor.com/dev=a is requested by the build but not allowed"
    assert_has "$work/err" "--allow device=vendor.com/dev=a"
    run 0 build --allow device
    run 0 build --allow device=vendor.com/dev=a
    run 1 build --allow device=vendor.com/dev=hooked
    run 1 build --allow device -f "$work/context/hooked.Dockerfile"
    assert_has "$work/err" "hooks are not supported"
    run 0 build --allow device=vendor.com/dev=a,alias=mine -f "$work/context/alias.Dockerfile"
    run 1 build --allow device -f "$work/context/none.Dockerfile"
    assert_has "$work/err" "required device \"vendor.com/none\" is not registered"
done
