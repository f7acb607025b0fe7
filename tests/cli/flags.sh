#!/bin/sh
# The flags of `docker buildx build`, each once: what it does, or how it is
# refused. None is ignored, and standard output is for results alone.
. "$(dirname "$0")/lib.sh"
need python3 jq docker-registry bzip2 xz zstd mkfifo
need_root
make_bases
oci() { "$abs_top_srcdir/tests/cli/ociread" "$@"; }
manifest() { # ARCHIVE: its only manifest
    m=$(tar -xOf "$1" index.json | jq -r '.manifests[0].digest' | tr : /)
    tar -xOf "$1" "blobs/$m"
}
base="base=oci-layout://$bases/busybox"
context=$work/context
mkdir "$context"
echo file >"$context/file"
cat >"$context/Dockerfile" <<'END'
FROM base AS one
ARG ARGUMENT=default
RUN echo "argument is $ARGUMENT"
FROM one AS two
COPY file /two
END

# build FLAG...: of $context; what it says goes to $work/said, standard output
# to $work/out, which stays empty unless the test looks at it.
build() { run "$status" tenon build --progress=plain --build-context "$base" "$@" "$context"; }
ok() { status=0; build "$@"; [ ! -s "$work/out" ] || fail "on standard output: $(cat "$work/out")"; }
no() { status=$1; shift; build "$@"; [ ! -s "$work/out" ] || fail "on standard output: $(cat "$work/out")"; }
# says FILE: a build whose only step runs this shell text, on standard input.
step() {
    { printf 'FROM base\nRUN <<END_OF_STEP\n'; cat; echo END_OF_STEP; } >"$work/step.Dockerfile"
    ok --no-cache -f "$work/step.Dockerfile" "$@"
}
# A step's line of output; its command is in its name, too.
printed() { grep -Eq "^#[0-9]+ [0-9.]+ $1" "$work/err"; }
said() { assert_has "$work/err" "$1"; }
tested=
flag() { tested="$tested $1 "; }

# ---- refused by name, and what is not there yet ---------------------------------------

while read -r status text flags; do
    set -- $flags
    flag "${1%%=*}"
    text=$(echo "$text" | tr _ ' ')
    run "$status" tenon build --build-context "$base" "$@" "$context"
    [ ! -s "$work/out" ] || fail "$flags: on standard output: $(cat "$work/out")"
    said "$text"
done <<'END'
2 attestation_type_"sbon"               --attest type=sbon
2 --builder_is_not_supported_yet        --builder other
2 source_policies_in_Rego_are_not_supported_yet --policy filename=x.rego
2 invalid_value_"most"_for_mode          --provenance=mode=most
2 scanner_"none"                        --sbom scanner=none
2 --repro-check:_with_--call_there_is    --repro-check --check
2 unknown_flag:_--taget_(did_you_mean_--target?) --taget=x
2 unknown_flag:_-z                      -z
2 invalid_value_"maybe"_for_--pull      --pull=maybe
2 invalid_host_"nowhere",_expected_HOST --add-host nowhere
2 unknown_entitlement_"all"             --allow all
2 invalid_annotation_"a",_expected_KEY  --annotation a -o type=oci,dest=none
2 invalid_build_argument_"=a"           --build-arg =a
2 invalid_build_context:_"a",_expected --build-context a
2 path_"/none"_not_found                --build-context a=/none
2 OCI_layout_/none                      --build-context a=oci-layout:///none
2 "ftp://x"_is_no_http_or_https_URL     --cache-from type=gha,url=ftp://x
2 not_set_for_s3_cache                  --cache-to type=s3,bucket=a
2 unknown_method_"lunch"                --call lunch
2 unknown_option_"format=xml"           --call=check,format=xml
2 failed_to_read_dockerfile             -f none/Dockerfile
2 failed_to_read_dockerfile             -f none
1 failed_to_read_dockerfile:_http://127.0.0.1:1/Dockerfile:_failed_to_do_request --file http://127.0.0.1:1/Dockerfile
2 cannot_use_--iidfile                  --iidfile iid -o type=local,dest=none
2 network_mode_"bridge"_not_supported   --network bridge
2 type_is_required                      --output dest=none
2 invalid_value_"a"_in_output          -o type=oci,a
2 unknown_output_type_"flat"             -o type=flat
2 "dest"_is_missing                     -o type=local
2 unknown_operating_system              --platform nothing
2 unknown_progress_display_"fast"             --progress fast
2 cannot_be_used_together               --quiet --progress=plain
2 invalid_value_for_memory:_"much"      --resource memory=much
2 invalid_value_for_cpuset-cpus:_"a"    --resource cpuset-cpus=a
2 invalid_resource_"fuel=1"             --resource fuel=1
2 invalid_value_"a"_in_--secret_"a"      --secret a
2 failed_to_stat_a                      --secret ID=a
2 unexpected_key_'di'                   --secret di=a
2 has_no_id                             --secret src=/none
2 failed_to_stat_/none                  --secret id=a,src=/none
2 invalid_--shm-size_"big"              --shm-size big
2 nothing_is_pushed                     --sign release.key
2 unsupported_compatibility-version_11  --compatibility-version 11
2 unsupported_compatibility-version_10_feature_oci_exporter_compression=zstd --compatibility-version 10 -o type=oci,dest=none.tar,compression=zstd
2 upgrade_tenon_(max_supported:_30)     --compatibility-version 31
2 invalid_--compatibility-version_"new" --compatibility-version new
2 invalid_empty_ssh_agent               --ssh default
2 must_be_lowercase                     --tag UPPER
1 target_stage_"three"_could_not_be_found --target three
2 invalid_ulimit_type:_nothing          --ulimit nothing=1
2 tag_is_needed                         --push
END

# What scripts for docker build still carry: quietly right, or with a word about it.
while read -r says flags; do
    set -- $flags
    flag "${1%%=*}"
    ok -o type=cacheonly "$@"
    if [ $says = quiet ]; then
        assert_lacks "$work/err" warning
    else
        said "warning: ${1%%=*} is ignored: "
    fi
done <<'END'
quiet --compress
quiet --compress=false
quiet --rm
quiet --rm=false
quiet --force-rm
quiet --force-rm=false
quiet --squash=false
quiet --builder default
quiet --builder=
quiet --provenance=false
quiet --provenance disabled=true
quiet --sbom=false
quiet --attest type=provenance,disabled=true
quiet --attest type=sbom,disabled=true
quiet --load=false
loud --squash
loud --isolation default
loud --isolation=process
loud --security-opt seccomp=unconfined
loud --security-opt=label=disable
END

# No option silently loses against another: flags win, as with buildx, and say so.
status=0
ok -t a.example/flag:1 -o "type=oci,name=a.example/out:1,dest=$work/both.tar"
said 'warning: --tag is used instead of "name=a.example/out:1"'
assert_eq a.example/flag:1 "$(tar -xOf "$work/both.tar" index.json |
    jq -r '.manifests[0].annotations."io.containerd.image.name"')"
ok -t a.example/flag:2 -o type=image,name=a.example/out:2
run 0 tenon images -q
assert_has "$work/out" a.example/flag:2
assert_lacks "$work/out" a.example/out:2
rm "$work/both.tar"

# Spellings of -o that buildx takes: case and blanks of keys, and a directory with "=".
ok -o "type=oci, dest=$work/spelling.tar"
assert_file "$work/spelling.tar"
ok -o "TYPE=oci,DEST=$work/spelling2.tar,Annotation.Some.Key=1"
assert_eq 1 "$(manifest "$work/spelling2.tar" | jq -r '.annotations."Some.Key"')"
(cd "$work" && ok -o a=b && assert_eq file "$(cat a=b/two)")
rm -r "$work/a=b" "$work/spelling.tar" "$work/spelling2.tar"

# On a terminal, without -t and -o, a line says where the result is.
on_terminal() {
    run 0 python3 -c 'import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))' \
        "$abs_top_builddir/tenon-dev" --root "$store" build --build-context "$base" "$@" "$context" </dev/null
}
on_terminal --progress=plain
assert_has "$work/out" "in the store"
on_terminal
assert_has "$work/out" "in the store"
on_terminal -t a.example/named:1
assert_lacks "$work/out" "in the store"
on_terminal -o type=cacheonly
assert_lacks "$work/out" "in the store"
for mode in rawjson quiet none; do
    on_terminal --progress=$mode
    assert_lacks "$work/out" "in the store"
done
ok
assert_lacks "$work/err" "in the store"
run 0 tenon images -q
for name in $(cat "$work/out"); do run 0 tenon images rm "$name"; done
assert_no_file none
# Nothing asked is nothing refused.
ok --provenance=false --sbom=false --load=false --squash=false --attest=false --rm --force-rm=true

# Without a context: how it is used. One too many, too.
run 2 tenon build
said "requires exactly 1 argument"
said "usage: tenon build [FLAGS] CONTEXT"
run 2 tenon build "$context" "$context"
run 2 tenon build "$context" -t
said "flag needs an argument: -t"
run 2 tenon build "$context" --target
said "flag needs an argument: --target"
run 2 tenon build "$work/none"
said 'path "'"$work/none"'" not found'

# ---- the build file and its arguments ----------------------------------------------------

flag --build-arg
ok --build-arg ARGUMENT=given
said "argument is given"
ARGUMENT=environment
export ARGUMENT
ok --build-arg ARGUMENT
said "argument is environment"
unset ARGUMENT
ok --no-cache --build-arg ARGUMENT
printed "argument is default" || fail "a build argument nobody set"

flag --no-cache
ok
assert_eq CACHED "$(step_ended "$work/err" "RUN echo")"
printed "argument is" && fail "the step ran"
ok --no-cache
printed "argument is" || fail "the step did not run"

flag --no-cache-filter
ok --no-cache-filter two
printed "argument is" && fail "the step ran"
ok --no-cache-filter=nothing,one
printed "argument is" || fail "the step did not run"

flag --target
ok --target one -o "$work/target"
assert_no_file "$work/target/two"
ok -o "$work/whole"
assert_file "$work/whole/two"

flag --file
mkdir "$context/sub"
printf 'FROM scratch\nCOPY file /by-file\n' >"$context/sub/other"
ok -f "$context/sub/other" -o "$work/file"
assert_file "$work/file/by-file"
(cd "$context" && run 0 tenon build --file=sub/other -o "$work/file2" .)
assert_file "$work/file2/by-file"
mv "$context/Dockerfile" "$context/dockerfile" # the other name
ok --target one
mv "$context/dockerfile" "$context/Dockerfile"
printf 'FROM scratch\nCOPY file /by-input\n' >"$work/input"
run 0 tenon build -f - -o "$work/input.out" "$context" <"$work/input"
assert_file "$work/input.out/by-input"
mkfifo "$work/fifo"
cat "$work/input" >"$work/fifo" & # what <(...) is
ok -f "$work/fifo" -o "$work/fifo.out"
assert_file "$work/fifo.out/by-input"

flag --label
ok --label org.example.a=b=c --label empty -o "type=oci,dest=$work/image.tar"
assert_eq '{"empty":"","org.example.a":"b=c"}' "$(oci "$work/image.tar" config | jq -Sc .config.Labels)"

flag --build-context
mkdir "$work/named"
echo "from a directory" >"$work/named/n"
printf 'FROM scratch\nCOPY --from=named n /n\n' >"$work/named.Dockerfile"
ok -f "$work/named.Dockerfile" --build-context "named=$work/named" -o "$work/n1"
assert_eq "from a directory" "$(cat "$work/n1/n")"
printf 'FROM named\nCOPY file /n\n' >"$work/named.Dockerfile"
ok -f "$work/named.Dockerfile" --build-context "named=oci-layout://$bases/busybox:latest" -o "$work/n2"
assert_file "$work/n2/bin/busybox"
digest=$(jq -r '.manifests[0].digest' "$bases/busybox/index.json")
ok -f "$work/named.Dockerfile" --build-context "named=oci-layout://$bases/busybox@$digest"
no 2 -f "$work/named.Dockerfile" --build-context "named=oci-layout://$bases/busybox:none"
said 'has no image "none"'

# ---- what a step gets ----------------------------------------------------------------------

flag --add-host
step --add-host one.example:192.0.2.7 --add-host two.example=192.0.2.8 \
    --add-host 'six.example=[2001:db8::7]' --add-host gate:host-gateway <<'END'
tr '\t' ' ' </etc/hosts
END
said "192.0.2.7 one.example"
said "192.0.2.8 two.example"
said "2001:db8::7 six.example"
grep -Eq '[0-9.]+[0-9] gate$' "$work/err" || fail "host-gateway: no address"

flag --network
for network in none host default; do
    step --network $network <<'END'
echo "interfaces: $(sed -n 's/^ *\([^ ]*\):.*/\1/p' /proc/net/dev | sort | tr '\n' ' ')namespace $(readlink /proc/self/ns/net)"
END
    sed -n 's/.*interfaces: \(.*\)namespace \(.*\)/\1\2/p' "$work/err" | tail -n 1 >"$work/net.$network"
done
host=$(readlink /proc/self/ns/net)
assert_lacks "$work/net.none" "$host"
assert_eq lo "$(cut -d' ' -f1 "$work/net.none")"
assert_has "$work/net.host" "$host"
assert_has "$work/net.default" "$host"

flag --allow
printf 'FROM base\nRUN --network=host readlink /proc/self/ns/net\n' >"$work/allow.Dockerfile"
no 1 -f "$work/allow.Dockerfile"
said "network.host"
ok -f "$work/allow.Dockerfile" --allow network.host
said "$host"

flag --shm-size
step --shm-size 3m <<'END'
echo "shm $(df -k /dev/shm | tail -n 1 | tr -s ' ' | cut -d' ' -f2)"
END
said "shm 3072"

flag --ulimit
step --ulimit nofile=123:234 --ulimit core=0 <<'END'
echo "files $(ulimit -Sn) $(ulimit -Hn) core $(ulimit -c)"
END
said "files 123 234 core 0"

flag --secret
echo "text of a file" >"$work/secret"
printf 'FROM base\nRUN --mount=type=secret,id=s --mount=type=secret,id=t cut -d" " -f1 /run/secrets/s /run/secrets/t\n' \
    >"$work/secret.Dockerfile"
SECRET_TEXT="variable of a name"
export SECRET_TEXT
ok -f "$work/secret.Dockerfile" --secret "id=s,src=$work/secret" --secret id=t,env=SECRET_TEXT
said " text"
said " variable"
sed -i 's/id=t/id=SECRET_TEXT/; s,secrets/t,secrets/SECRET_TEXT,' "$work/secret.Dockerfile"
ok -f "$work/secret.Dockerfile" --secret "type=file,id=s,source=$work/secret" --secret id=SECRET_TEXT
said " variable"
unset SECRET_TEXT

flag --ssh
if can_try "--ssh" ssh-keygen; then
    ssh-keygen -q -t ed25519 -N '' -f "$work/key"
    printf 'FROM base\nRUN --mount=type=ssh,id=work,required=true test -S "$SSH_AUTH_SOCK" && echo agent is there\n' \
        >"$work/ssh.Dockerfile"
    ok -f "$work/ssh.Dockerfile" --ssh "work=$work/key"
    said "agent is there"
    no 1 --no-cache -f "$work/ssh.Dockerfile" --ssh "home=$work/key"
    said "work"
fi

# Limits and the place of a step are seen from outside, while it waits for us.
flag --cgroup-parent
flag --resource
flag --memory
flag --memory-swap
flag --cpu-shares
flag --cpu-period
flag --cpu-quota
flag --cpuset-cpus
flag --cpuset-mems
parent=tenon-flags-$$
cat >"$work/wait.Dockerfile" <<'END'
FROM base
RUN --mount=type=cache,target=/c,id=flags touch /c/here; until [ -e /c/go ]; do sleep 0.1; done; rm /c/here /c/go
END
begin_limited() { # FLAG...: sets group to a directory of its control group, per controller "memory", "cpu"
    "$abs_top_builddir/tenon-dev" --root "$store" build --no-cache --progress=plain -f "$work/wait.Dockerfile" \
        --build-context "$base" --cgroup-parent "/$parent" "$@" "$context" >"$work/limited" 2>&1 &
    limited=$!
    remember $limited
    for _ in $(seq 1200); do
        here=$(ls "$store"/cache-mounts/*/here "$store"/cache-mounts/*/*/here 2>/dev/null || :)
        [ -z "$here" ] || break
        kill -0 $limited 2>/dev/null || { cat "$work/limited" >&2; fail "$*"; }
        sleep 0.05
    done
    [ -n "$here" ] || fail "the step does not begin"
}
limit() { cat /sys/fs/cgroup/$1/$parent/*/"$2" /sys/fs/cgroup/$parent/*/"$3" 2>/dev/null || :; }
end_limited() {
    touch "${here%here}go"
    wait $limited || { cat "$work/limited" >&2; fail "the step did not end well"; }
}
if [ -w /sys/fs/cgroup ]; then
    # The new spelling, and what the classic builder called the same.
    for spelling in "--resource memory=64m --resource memory-swap=96m --resource cpu-shares=512 \
            --resource cpu-period=50000 --resource cpu-quota=25000 --resource cpuset-cpus=0 --resource cpuset-mems=0" \
        "-m 64m --memory-swap 96m -c 512 --cpu-period=50000 --cpu-quota=25000 --cpuset-cpus 0 --cpuset-mems 0"; do
        begin_limited $spelling
        [ -n "$(find /sys/fs/cgroup -type d -path "*/$parent/*" | head -n 1)" ] ||
            fail "the step is not below --cgroup-parent"
        if [ -e /sys/fs/cgroup/memory/memory.limit_in_bytes ] || grep -qs memory /sys/fs/cgroup/cgroup.controllers; then
            assert_eq 67108864 "$(limit memory memory.limit_in_bytes memory.max)"
        else
            not_tried "--memory: no control group for memory"
        fi
        if [ -e /sys/fs/cgroup/cpu/cpu.shares ]; then
            assert_eq "512 50000 25000" "$(limit cpu cpu.shares none) $(limit cpu cpu.cfs_period_us none) $(
                limit cpu cpu.cfs_quota_us none)"
        elif grep -qsw cpu /sys/fs/cgroup/cgroup.controllers; then
            assert_eq "25000 50000" "$(limit none none cpu.max)"
        else
            not_tried "--cpu-quota, --cpu-period, --cpu-shares: no control group for processors"
        fi
        if [ -e /sys/fs/cgroup/cpuset/cpuset.cpus ] || grep -qsw cpuset /sys/fs/cgroup/cgroup.controllers; then
            assert_eq "0 0" "$(limit cpuset cpuset.cpus cpuset.cpus) $(limit cpuset cpuset.mems cpuset.mems)"
        else
            not_tried "--cpuset-cpus, --cpuset-mems: no control group for sets of processors"
        fi
        end_limited
    done
    assert_eq "" "$(find /sys/fs/cgroup -type d -path "*/$parent/*")"
    find /sys/fs/cgroup -depth -type d -name "$parent" -exec rmdir {} +
else
    not_tried "limits: /sys/fs/cgroup cannot be written"
fi

# ---- results ---------------------------------------------------------------------------------

flag --output
ok -o "$work/dir"
assert_eq file "$(cat "$work/dir/two")"
status=0
for o in - type=tar type=tar,dest=-; do
    build -o "$o"
    tar -tf "$work/out" | grep -Eq '^(\./)?two$' || fail "-o $o: no tar on standard output"
done
ok -o "type=tar,dest=$work/files.tar"
tar -tf "$work/files.tar" | grep -Eq '^(\./)?two$' || fail "no tar"
build -o type=oci
tar -tf "$work/out" | grep -q '^index.json$' || fail "-o type=oci: no archive on standard output"
ok -o "type=oci,tar=false,dest=$work/layout"
assert_file "$work/layout/oci-layout"
ok -o "type=docker,dest=$work/docker.tar" -t a.example/b:c
tar -xOf "$work/docker.tar" manifest.json | jq -e '.[0].RepoTags == ["a.example/b:c"]' >/dev/null ||
    fail "-o type=docker: $(tar -xOf "$work/docker.tar" manifest.json)"
ok -o type=cacheonly -t not.example/kept:1
run 0 tenon images
assert_lacks "$work/out" not.example
# Several at once.
ok -o "$work/several" -o "type=tar,dest=$work/several.tar" -o "type=oci,dest=$work/several.oci"
assert_file "$work/several/two"
assert_file "$work/several.tar"
assert_file "$work/several.oci"

flag --tag
ok -t a.example/tagged -t second:2
run 0 tenon images
assert_has "$work/out" a.example/tagged
assert_has "$work/out" second

flag --quiet
status=0
run 0 tenon build -q --build-context "$base" -o "type=oci,dest=$work/image.tar" "$context"
grep -Exq 'sha256:[0-9a-f]{64}' "$work/out" || fail "-q: $(cat "$work/out")"
[ ! -s "$work/err" ] || fail "-q talks: $(cat "$work/err")"
id=$(cat "$work/out")
assert_eq "$id" "$(manifest "$work/image.tar" | jq -r .config.digest)"

flag --iidfile
ok --iidfile "$work/iid"
assert_eq "$id" "$(cat "$work/iid")"
no 1 --iidfile "$work/iid" --target three
echo stale >"$work/linked"
ln -s linked "$work/link"
no 1 --iidfile "$work/link" --target three
[ -L "$work/link" ] && [ ! -s "$work/linked" ] || fail "--iidfile: the name of an older image stays behind a link"
assert_no_file "$work/iid"

flag --metadata-file
ok --metadata-file "$work/metadata" -t one.example/a:1 -t two.example/b -o "type=oci,dest=$work/image.tar"
jq -e --arg id "$id" --arg m "$(tar -xOf "$work/image.tar" index.json | jq -r '.manifests[0].digest')" '
    ."containerimage.config.digest" == $id and ."containerimage.digest" == $m and
    (."containerimage.descriptor" | .digest == $m and .size > 100 and
        .mediaType == "application/vnd.oci.image.manifest.v1+json" and
        (.annotations."org.opencontainers.image.created" | length) > 10) and
    ."image.name" == "one.example/a:1,two.example/b:latest"' "$work/metadata" >/dev/null ||
    fail "--metadata-file: $(cat "$work/metadata")"
# Of an image that goes into no file: names as they were given, and not when it was made.
ok --metadata-file "$work/metadata" -t one.example/a:1 -t two.example/b -o type=image
jq -e '."image.name" == "one.example/a:1,two.example/b" and
    (."containerimage.descriptor" | has("annotations") | not)' "$work/metadata" >/dev/null ||
    fail "--metadata-file: $(cat "$work/metadata")"
ok --metadata-file "$work/metadata" -o "$work/dir"
jq -e 'has("containerimage.digest") | not' "$work/metadata" >/dev/null || fail "metadata of no image"

flag --locked
flag --lock-file
flag --offline
run 2 tenon build --build-context "$base" --locked "$context"
said "tenon lock, with the flags of this build, makes it"
run 0 tenon lock --build-context "$base" --lock-file "$work/lock" "$context"
ok --locked --lock-file "$work/lock" --offline -o "$work/dir"

flag --annotation
ok --annotation org.example.plain=1 --annotation manifest:org.example.typed=a:b=2 \
    -o "type=oci,dest=$work/image.tar"
manifest "$work/image.tar" | jq -e '.annotations."org.example.plain" == "1" and
    .annotations."org.example.typed" == "a:b=2"' >/dev/null || fail "--annotation"

flag --platform
own=$(jq -r '.architecture' <<END
$(oci "$work/image.tar" config)
END
)
ok --platform local -o "type=oci,dest=$work/image.tar"
assert_eq "$own" "$(oci "$work/image.tar" config | jq -r .architecture)"
ok --platform "linux/$own" -o "type=oci,dest=$work/image.tar"
other=arm64
[ "$own" != arm64 ] || other=amd64
printf 'FROM scratch\nARG TARGETARCH\nCOPY file /$TARGETARCH\n' >"$work/foreign.Dockerfile"
ok -f "$work/foreign.Dockerfile" --platform "linux/$other" -o "type=oci,dest=$work/image.tar"
assert_eq "linux $other" "$(oci "$work/image.tar" config | jq -r '.os + " " + .architecture')"
ok -f "$work/foreign.Dockerfile" --platform "linux/$other,linux/$own" -o "$work/platforms"
assert_file "$work/platforms/linux_$other/$other"
assert_file "$work/platforms/linux_$own/$own"
run 0 env DOCKER_DEFAULT_PLATFORM="linux/$other" "$abs_top_builddir/tenon-dev" --root "$store" build -q \
    -f "$work/foreign.Dockerfile" -o "type=oci,dest=$work/image.tar" "$context"
assert_eq "$other" "$(oci "$work/image.tar" config | jq -r .architecture)"

# Registry: --push sends; a name is what the registry says, unless the store is asked for.
flag --push
flag --pull
start_registry </dev/null
name=$registry/a:1
ok -t "$name" --push --target one
curl -sf "http://$registry/v2/a/tags/list" >"$work/tags"
assert_has "$work/tags" '"1"'
printf 'FROM %s\nCOPY file /x\n' "$name" >"$work/pull.Dockerfile"
# Under its name this store now has another image, the registry still the first.
ok -t "$name"
for pull in "" --pull --pull=true --pull=always --pull=false; do
    ok -f "$work/pull.Dockerfile" $pull -o "$work/pulled"
    assert_no_file "$work/pulled/two"
done
ok -f "$work/pull.Dockerfile" --pull=missing -o "$work/kept"
assert_file "$work/kept/two"
# A name that the registry does not have (any more): the store's, with a word, unless --pull.
ok -t "$registry/gone:1"
printf 'FROM %s\nCOPY file /x\n' "$registry/gone:1" >"$work/gone.Dockerfile"
ok -f "$work/gone.Dockerfile" -o "$work/instead"
assert_file "$work/instead/two"
said "of this store: "
no 1 -f "$work/gone.Dockerfile" --pull -o "$work/none"
said "$registry/gone:1 not found"
ok -o type=registry -t "$registry/b:2"
curl -sf "http://$registry/v2/b/tags/list" >/dev/null || fail "-o type=registry did not push"
# --push and type=registry win over push=false.
ok --push -t "$registry/c:1" -o type=image,push=false
said 'warning: --push is used instead of "push=false"'
ok -t "$registry/d:1" -o type=registry,push=false
said 'warning: type=registry is used instead of "push=false"'
ok -t "$registry/e:1" -o "type=image,name=$registry/f:1,push=true"
for repository in c d e; do
    curl -sf "http://$registry/v2/$repository/tags/list" >/dev/null || fail "$repository was not pushed"
done
! curl -sf "http://$registry/v2/f/tags/list" >/dev/null || fail "the name that --tag replaces was pushed"

flag --cache-to
flag --cache-from
ok --cache-to "type=local,dest=$work/cache,mode=max"
run 0 tenon --root "$work/empty" build --progress=plain --build-context "$base" \
    --cache-from "type=local,src=$work/cache" -o "$work/from-cache" "$context"
assert_eq CACHED "$(step_ended "$work/err" "RUN echo")"
printed "argument is" && fail "the step ran"

# ---- talk --------------------------------------------------------------------------------------

flag --call
flag --check
status=0
build --call outline
assert_has "$work/out" ARGUMENT
build --call=outline,format=json
jq -e '.args[0].name == "ARGUMENT"' "$work/out" >/dev/null || fail "no outline"
build --call targets
assert_has "$work/out" two
build --check
assert_eq "Check complete, no warnings found." "$(cat "$work/out")"
printf 'FROM scratch as one\nCOPY file /\n' >"$work/warn.Dockerfile"
status=1
build --call=check -f "$work/warn.Dockerfile"
assert_has "$work/out" FromAsCasing
build --call=check,format=json -f "$work/warn.Dockerfile"
jq -e '.warnings[0].ruleName == "FromAsCasing"' "$work/out" >/dev/null || fail "no finding"
status=0
build --call=check,ignorestatus=true -f "$work/warn.Dockerfile"
build --call=subrequests.describe
assert_has "$work/out" outline

flag --observe
run 0 tenon build --progress=none --observe plain,dest="$work/observed" --build-context "$base" \
    -o type=cacheonly "$context"
assert_has "$work/observed" "load build definition from Dockerfile"

flag --progress
for mode in plain tty auto none quiet rawjson plain,detail=short; do
    run 0 tenon build "--progress=$mode" --build-context "$base" -o type=cacheonly "$context"
    [ ! -s "$work/out" ] || fail "--progress=$mode: on standard output"
    case $mode in
    quiet | none) [ ! -s "$work/err" ] || fail "--progress=$mode talks" ;;
    rawjson) jq -se 'map(has("vertexes")) | any' "$work/err" >/dev/null || fail "--progress=rawjson" ;;
    *) said "#1 [internal] load build definition from Dockerfile" ;;
    esac
done
run 0 env BUILDKIT_PROGRESS=rawjson "$abs_top_builddir/tenon-dev" --root "$store" build --build-context "$base" "$context"
jq -se . "$work/err" >/dev/null || fail "BUILDKIT_PROGRESS"

flag --debug
no 2 -D -f "$work/none.Dockerfile"
flag --explain
echo changed >"$context/file"
ok --explain
said "COPY file /two"
number=$(sed -n 's/^#\([0-9]*\) .*COPY file \/two$/\1/p' "$work/err")
grep -Eq "^#$number content of .* changed: \"sha256:" "$work/err" || fail "--explain explains nothing"
ok --explain
! grep -q 'changed: ' "$work/err" || fail "--explain explains what is cached"

# ---- standard input and URLs as the context ------------------------------------------------------

mkdir "$work/archive"
printf 'FROM scratch\nCOPY data /data\n' >"$work/archive/Dockerfile"
printf 'FROM scratch\nCOPY data /other\n' >"$work/archive/other"
head -c 100000 /dev/urandom >"$work/archive/data"
tar -C "$work/archive" -cf "$work/context.tar" .
tar -C "$work/archive" --format=v7 -cf "$work/context.v7" .
gzip -k "$work/context.tar"
bzip2 -k "$work/context.tar"
xz -k "$work/context.tar"
zstd -q -k "$work/context.tar"
for archive in tar v7 tar.gz tar.bz2 tar.xz tar.zst; do
    run 0 tenon build -o "$work/stdin" - <"$work/context.$archive"
    cmp "$work/archive/data" "$work/stdin/data" || fail "$archive"
    rm -r "$work/stdin"
done
run 0 tenon build -f other -o "$work/stdin" - <"$work/context.tar.gz"
assert_file "$work/stdin/other"
run 0 tenon build -o - - <"$work/context.tar"
tar -xOf "$work/out" data | cmp - "$work/archive/data" || fail "tar in, tar out"
printf 'FROM scratch\nCOPY <<END /text\nsome text\nEND\n' >"$work/input"
run 0 tenon build -o "$work/stdin" - <"$work/input"
assert_eq "some text" "$(cat "$work/stdin/text")"
printf 'FROM scratch\nCOPY data /data\n' >"$work/input"
run 1 tenon build - <"$work/input"
said "data"
run 2 tenon build -f - - <"$work/input"
said "can't use stdin for both"
run 2 tenon build -f other - <"$work/input"
said "ambiguous Dockerfile source"
head -c 3000 "$work/context.tar.gz" >"$work/cut"
run 1 tenon build - <"$work/cut"
said "stream is truncated"
run 1 tenon build - </dev/null
said "the Dockerfile cannot be empty"

mkdir "$work/www"
"$abs_top_srcdir/tests/cli/web-server" "$work/www" "$work/log" >"$work/port" &
remember $!
await "the port of a server" test -s "$work/port"
url=http://127.0.0.1:$(cat "$work/port")
cp "$work/context.tar.xz" "$work/www/context"
cp "$work/archive/other" "$work/www/plainfile"
# What cannot be had twice is read when nothing else is to be refused.
for bad in --output=type=none --output=type=local --cache-to=type=none --platform=none --ulimit=none; do
    { run 2 tenon build "$bad" - && cat >"$work/unread"; } <"$work/archive/Dockerfile"
    cmp "$work/archive/Dockerfile" "$work/unread"
    run 2 tenon build "$bad" -f "$url/refused" "$work/archive"
done
! grep refused "$work/log" || fail "a build file was fetched for nothing"
run 0 tenon build -o "$work/url" "$url/context"
cmp "$work/archive/data" "$work/url/data"
run 0 tenon build -f other -o "$work/url" "$url/context"
assert_file "$work/url/other"
run 1 tenon build "$url/plainfile"
said "data"
run 1 tenon build "$url/nothing"
said "404"
if [ ! -e "$abs_top_builddir/.libs/source-git.so" ]; then
    not_tried "git contexts: built without source-git"
elif can_try "git contexts" git; then
    git init -q -b main "$work/repo"
    cp "$work/archive/Dockerfile" "$work/archive/other" "$work/archive/data" "$work/repo"
    mkdir "$work/repo/sub"
    printf 'FROM scratch\nCOPY . /\n' >"$work/repo/sub/Dockerfile"
    git -C "$work/repo" add .
    git -C "$work/repo" -c user.name=t -c user.email=t@localhost commit -q -m one
    git clone -q --bare "$work/repo" "$work/www/repo.git"
    run 0 tenon build -o "$work/git" "$url/git/repo.git"
    cmp "$work/archive/data" "$work/git/data"
    run 0 tenon build -o "$work/git" -f other "$url/git/repo.git#main"
    assert_file "$work/git/other"
    run 0 tenon build -o "$work/gitsub" "$url/git/repo.git#main:sub"
    assert_file "$work/gitsub/Dockerfile"
    run 1 tenon build "$url/git/repo.git#none"
    said "none"
fi

# ---- every flag there is has had its turn, and help tells of it ------------------------------------

flag --help
for f in add-host allow annotation attest build-arg build-context builder cache-from cache-to call check \
    cgroup-parent debug file iidfile label load lock-file locked metadata-file network no-cache no-cache-filter offline output platform \
    policy progress provenance pull push quiet resource sbom secret shm-size ssh tag target ulimit \
    compress isolation security-opt squash rm force-rm memory memory-swap cpu-period cpu-quota cpu-shares \
    cpuset-cpus cpuset-mems; do
    case $tested in *" --$f "*) ;; *) fail "--$f was not tried" ;; esac
done
run 0 tenon build --help
[ ! -s "$work/err" ] || fail "help on standard error"
cp "$work/out" "$work/help"
for f in $(sed -n 's/^ *\(-.,\)\? *--\([a-z-]*\).*/--\2/p' "$work/help"); do
    case $tested in *" $f "*) ;; *) fail "$f is in the help and was not tried" ;; esac
done
for verb in prune fsck upkeep du why images plugins plugin docker shell doctor version build lock; do
    run 0 tenon "$verb" --help
    assert_has "$work/out" "Usage: tenon $verb"
    ! grep -nE '^.{81}' "$work/out" || fail "help of $verb is wider than 80 columns"
    run 0 tenon --help
    ! grep -nE '^.{81}' "$work/out" || fail "help is wider than 80 columns"
    grep -Eq "^  $verb +[a-z]" "$work/out" || fail "$verb is not in the help"
    run 2 tenon "$verb" --no-such-option
    [ ! -s "$work/out" ] || fail "$verb: on standard output"
done
run 2 tenon buid .
said "did you mean build?"
