#!/bin/sh
# Privileges that a build file asks for and the user did not grant (CVE-2024-23653):
# security=insecure, the host's network by name, devices.  Refused before anything
# of them runs: new or known, in the middle or hidden behind what is known, by
# whatever way the build file came to ask.
. "$(dirname "$0")/lib.sh"
mkdir "$work/cdi"
cat >"$work/cdi/vendor.json" <<'END'
{"cdiVersion": "0.6.0", "kind": "vendor.com/dev", "devices": [
  {"name": "a", "containerEdits": {"deviceNodes": [{"path": "/dev/sink", "hostPath": "/dev/null"}]}}]}
END
config='"network": "none", "cdi-dirs": ["'$work'/cdi"]'

try_file() { # STATUS NAME FLAG...
    try_of=$1
    file=$context/$2.Dockerfile
    shift 2
    run "$try_of" build "$store" --build-context "$base" -o type=cacheonly -f "$file" "$@" "$context"
}
insecure="mount -t tmpfs none /mnt && echo mounted"
network="ls /sys/class/net | wc -l | sed 's/^/devices /'; echo ran"
{ echo "FROM base"; echo "RUN mkdir -p /mnt"; echo "RUN --security=insecure $insecure && touch /x"; } >"$context/insecure.Dockerfile"
{ cat "$context/insecure.Dockerfile"; echo "RUN touch /after"; echo "RUN touch /last"; } >"$context/below.Dockerfile"
{ sed '1s/$/ AS one/' "$context/insecure.Dockerfile"; printf 'FROM base\nCOPY --from=one /x /y\n'; } >"$context/copied.Dockerfile"
{ sed '1s/$/ AS one/' "$context/insecure.Dockerfile"; printf 'FROM base\nRUN --mount=from=one,target=/m ls /m/x\n'; } >"$context/mounted.Dockerfile"
{ echo "FROM base"; echo "RUN --network=host $network"; echo "RUN touch /after"; } >"$context/network.Dockerfile"
{ echo "FROM base"; echo "RUN --device=vendor.com/dev=a ls /dev/sink"; echo "RUN touch /after"; } >"$context/device.Dockerfile"
for kind in insecure network device; do
    { echo "# syntax=docker/dockerfile:1-labs"; cat "$context/$kind.Dockerfile"; } >"$context/syntax-$kind.Dockerfile"
    { echo "# syntax=example.org/none/frontend:1"; cat "$context/$kind.Dockerfile"; } >"$context/foreign-$kind.Dockerfile"
    { echo "# check=skip=all"; cat "$context/$kind.Dockerfile"; } >"$context/check-$kind.Dockerfile"
done
grant_insecure=security.insecure grant_network=network.host grant_device=device
says_insecure="security.insecure is not allowed" says_network="network.host is not allowed"
says_device="but not allowed"
# By variables, where those are expanded at all.
cat >"$context/args.Dockerfile" <<END
FROM base
ARG S=insecure
ARG N=host
RUN --security=\$S $insecure
RUN --network=\$N $network
END

# Base images whose triggers ask.
mkdir "$work/trigger"
for kind in insecure network device; do
    { echo "FROM base"; sed -n 's/^RUN --/ONBUILD RUN --/p' "$context/$kind.Dockerfile"; } >"$work/trigger/$kind.Dockerfile"
    echo "FROM trigger-$kind" >"$context/trigger-$kind.Dockerfile"
done

refused() { # NAME KIND FLAG...
    refused_name=$1
    refused_says=$(eval "echo \"\$says_$2\"")
    shift 2
    try_file 1 "$refused_name" "$@"
    assert_has "$work/err" "$refused_says"
    assert_not_said mounted
    assert_not_said ran
}

trial() {
    # New: neither by another grant.
    for kind in insecure network device; do
        refused $kind $kind
        for other in insecure network device; do
            [ $other = $kind ] || refused $kind $kind --allow "$(eval "echo \$grant_$other")"
        done
        refused syntax-$kind $kind
        refused check-$kind $kind
        try_file 1 foreign-$kind
        assert_not_said mounted
        assert_not_said ran
        # By what else a build can be told.
        refused $kind $kind --build-arg BUILDKIT_SYNTAX=docker/dockerfile:1-labs
        refused $kind $kind --build-arg "security.insecure=true" --build-arg BUILDKIT_SANDBOX_HOSTNAME=x \
            --label allow=security.insecure
        run 0 build "$store" --build-context "$base" -f "$work/trigger/$kind.Dockerfile" \
            -o "type=oci,tar=false,dest=$own/images-$executor/$kind" "$work/trigger"
        refused trigger-$kind $kind --build-context "trigger-$kind=oci-layout://$own/images-$executor/$kind"
    done
    refused below insecure
    refused copied insecure
    refused mounted insecure
    build "$store" --build-context "$base" -o type=cacheonly -f "$context/args.Dockerfile" --build-arg S=insecure \
        "$context" >"$work/out" 2>"$work/err" && fail "$executor: granted by variables" || :
    assert_not_said mounted
    assert_not_said ran

    # Granted, and then known: not for who does not grant it.
    for name in insecure below copied mounted network device; do
        case $name in network | device) kind=$name ;; *) kind=insecure ;; esac
        grant=$(eval "echo \$grant_$kind")
        try_file 0 $name --allow "$grant"
        try_file 0 $name --allow "$grant"
        [ -n "$(steps_ended "$work/err" CACHED)" ] || fail "$executor: $name has no step"
        assert_eq "$name: " "$name: $(steps_ended "$work/err" DONE)"
        try_file 1 $name
        assert_has "$work/err" "$(eval "echo \"\$says_$kind\"")"
    done
    # What failed with a grant is entered with one.
    { cat "$context/insecure.Dockerfile"; echo "RUN --security=insecure exit 3"; } >"$context/fails.Dockerfile"
    try_file 1 fails --allow security.insecure
    assert_has "$work/err" "exit code: 3"
    run 1 tenon shell sh -c "$insecure" </dev/null
    assert_has "$work/err" "security.insecure is not allowed"
    run 0 tenon shell --allow security.insecure sh -c "$insecure" </dev/null
    # None without a name for it.
    for grant in security security.insecure=false network 'device=' insecure all '*'; do
        got=0
        build "$store" --build-context "$base" -o type=cacheonly -f "$context/insecure.Dockerfile" --allow "$grant" \
            "$context" >"$work/out" 2>"$work/err" || got=$?
        [ $got != 0 ] || fail "$executor: --allow $grant"
        assert_not_said mounted
    done
}
each_executor trial
