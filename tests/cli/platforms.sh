#!/bin/sh
# Steps of other platforms than the machine's: with QEMU in the kernel's list for the step alone,
# with QEMU before the program, as the machine's administrator registered it, and not at all; by
# both executors, as root and as an ordinary user.  Several platforms in one build.
. "$(dirname "$0")/../rootless/lib.sh"
. "$(dirname "$0")/steps.sh"
need qemu-aarch64-static aarch64-linux-gnu-gcc jq
[ "$(uname -m)" = x86_64 ] || skip "needs an x86-64 machine"
foreign() { # ARCH COMPILER...
    arch=$1
    shift
    "$@" -Os -ffreestanding -fno-builtin -fno-stack-protector -fno-pie -no-pie -static -nostdlib \
        -fno-asynchronous-unwind-tables -o "$context/foreign-$arch" "$abs_top_srcdir/tests/cli/foreign.c" \
        2>"$work/cc.log" || { cat "$work/cc.log"; fail "no program for $arch"; }
}
foreign arm64 aarch64-linux-gnu-gcc
foreign 386 gcc -m32
foreign amd64 gcc

# Can the kernel know formats for a namespace alone?
whole=yes
tenon doctor >"$work/doctor"
grep -q '^ok .*platforms .*linux/arm64.*: by QEMU, of which tenon tells the kernel' "$work/doctor" || whole=
[ -n "$whole" ] || not_tried "whole steps: needs Linux 6.7"
grep -q '^ok .*platforms .*linux/amd64.*: by this processor$' "$work/doctor" || fail "no platforms of the machine"

# said FILE TEXT: a line of a step's output.
said() { grep -Eq "^#[0-9]+ [0-9.]+ $2\$" "$1" || { sed 's/^/  | /' "$1" >&2; fail "no step said \"$2\""; }; }

# ---- all of it: children, scripts, users, names; a stage of the machine's runs once --------
cat >"$context/script" <<'S'
#!/bin/foreign say
S
chmod 755 "$context/script"
cat >"$work/steps" <<'D'
FROM scratch
ARG TARGETARCH
COPY --link foreign-$TARGETARCH /bin/foreign
COPY --link foreign-$TARGETARCH /bin/sh
COPY --link foreign-$TARGETARCH /bin/other
COPY --link script /bin/script
RUN say begun
RUN ["other", "has its name"]
RUN ["script", "word"]
D
{
    cat "$work/steps"
    cat <<'D'
RUN run /bin/foreign run /bin/other grandchild
RUN run /bin/script child
USER 1000
RUN id
D
} >"$work/whole"
{
    printf 'FROM --platform=$BUILDPLATFORM base AS made\nRUN echo "on $(uname -m)" >/made\n'
    cat "$work/whole"
    printf 'COPY --from=made /made /made\n'
} | dockerfile
if [ -n "$whole" ]; then
    for executor in $executors; do
        use_executor "$executor"
        run 0 build --no-cache --platform linux/arm64,linux/386 -o "type=oci,dest=$work/$executor,tar=false"
        for arch in arm64 386; do
            for text in "begun" "other has its name" "/bin/script word" "/bin/other grandchild" \
                "/bin/script child" "1000"; do
                said "$work/err" "$arch: $text"
            done
        done
        # A title comes again when the display comes back to its step.
        assert_eq 1 "$(grep '^#[0-9]* \[.*RUN echo "on' "$work/err" | sort -u | wc -l)"
    done
    index=$(jq -r '.manifests[0].digest' "$work/native/index.json")
    assert_eq "linux/arm64 linux/386" "$(jq -r '[.manifests[].platform | "\(.os)/\(.architecture)"] | join(" ")' \
        "$work/native/blobs/sha256/${index#sha256:}")"
    # One index in a registry with the machine's own, each image with what was said of it.
    start_registry </dev/null
    use_executor native
    run 0 build --platform linux/arm64,linux/amd64 --push -t "$registry/both:1" --annotation all=1 \
        --annotation 'manifest[linux/arm64]:one=2' --annotation 'manifest-descriptor[linux/arm64]:named=3' --annotation index:whole=4
    tenon image inspect --raw "$registry/both:1" >"$work/both"
    assert_eq 'linux/arm64 3|linux/amd64 null 4' "$(jq -r '([.manifests[] | "\(.platform.os)/\(.platform.architecture) \(.annotations.named)"] |
        join("|")) + " " + .annotations.whole' "$work/both")"
    for place in '0 1 2 arm64' '1 1 null amd64'; do
        # shellcheck disable=SC2086
        set -- $place
        image=$(jq -r ".manifests[$1].digest" "$work/both")
        assert_eq "$2 $3" "$(tenon image inspect --raw "$registry/both@$image" | jq -r '"\(.annotations.all) \(.annotations.one)"')"
        run 0 tenon image inspect --platform "linux/$4" --format '{{json .Image.architecture}}' "$registry/both:1"
        assert_eq "\"$4\"" "$(cat "$work/out")"
    done
    # Nothing is left of it on the machine.
    assert_eq "" "$(find /proc/sys/fs/binfmt_misc -name arm64)"
fi

# ---- every processor that is known, each by a program put together by hand -------------------
all="amd64 386 arm64 arm riscv64 ppc64le s390x mips64le loong64"
here=
for arch in $all; do
    "$abs_top_srcdir/tests/cli/foreign-elf" "$arch" "$context/three-$arch"
    ! grep -q "linux/$arch[,:].* by " "$work/doctor" || here="$here,linux/$arch"
done
assert_eq ",linux/amd64,linux/386,linux/arm64,linux/arm,linux/riscv64,linux/ppc64le,linux/s390x,linux/mips64le,linux/loong64" "$here"
# Its parent is this machine's, as where things are cross-compiled and tried.
dockerfile <<'D'
FROM --platform=$BUILDPLATFORM base AS tools
FROM scratch
ARG TARGETARCH
COPY --from=tools /bin/busybox /busybox
COPY three-$TARGETARCH /three
RUN ["/busybox", "sh", "-c", "/three; [ $? = 3 ] && echo $TARGETARCH ends well"]
D
if [ -n "$whole" ]; then
    use_executor native
    run 0 build --platform "${here#,}"
    for arch in $all; do said "$work/err" "$arch ends well"; done
fi

# ---- QEMU before the program, where the kernel is older -----------------------------------
dockerfile <"$work/steps"
for executor in $executors; do
    use_executor "$executor"
    run 0 env TENON_OLD_BINFMT=1 "$abs_top_builddir/tenon-dev" --root "$store" build --no-cache \
        --progress=plain,detail=short --platform linux/arm64 "$context"
    for text in begun "other has its name" "/bin/script word"; do said "$work/err" "arm64: $text"; done
    assert_eq 1 "$(grep -c '^warning: arm64: of each step only the first program is emulated' "$work/err")"
done
{ cat "$work/steps"; echo 'RUN run /bin/other child'; } | dockerfile
run 1 env TENON_OLD_BINFMT=1 "$abs_top_builddir/tenon-dev" --root "$store" build --progress=plain,detail=short \
    --platform linux/arm64 "$context"
said "$work/err" "child: exec format error"
assert_has "$work/err" "hint: only the step's first program was emulated"

# ---- as the administrator told the kernel: here one of a namespace of our own ----------------
# as_told FLAGS COMMAND...: the format is the kernel's, and no emulator is found by tenon.
as_told() {
    unshare --user --map-root-user --mount sh -euc '
        mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
        zeros=$(printf "\\\\x00%.0s" 1 2 3 4 5 6 7 8 9)
        printf ":t:M::\\\\x7fELF\\\\x02\\\\x01\\\\x01$zeros\\\\x02\\\\x00\\\\xb7\\\\x00::%s:$1" "$(command -v qemu-aarch64-static)" \
            >/proc/sys/fs/binfmt_misc/register
        shift
        exec "$@"' sh "$@"
}
for executor in $executors; do
    printf '{"executor": "%s", "emulators": "%s"}\n' "$executor" "$work" >"$TENON_CONFIG"
    run 1 build --no-cache --platform linux/arm64
    said "$work/err" "exec /bin/sh: exec format error"
    assert_has "$work/err" 'ERROR: failed to build: failed to solve: process "/bin/sh -c say begun" did not complete successfully: exit code: 1'
    assert_has "$work/err" "hint: nothing here runs programs of arm64 (exec format error): install qemu-user-static"
done
printf '{"emulators": "%s"}\n' "$work" >"$TENON_CONFIG"
run 0 tenon doctor
assert_has "$work/out" "linux/arm64, linux/arm, linux/riscv64, linux/ppc64le, linux/s390x, linux/mips64le, linux/loong64: not (apt-get install qemu-user-static)"
if [ -n "$whole" ]; then
    mkdir "$work/told"
    told() { # STATUS FLAGS
        run "$1" as_told "$2" "$abs_top_builddir/tenon-dev" --root "$work/told/store$2" build \
            --progress=plain,detail=short --platform linux/arm64 "$context"
    }
    told 0 OCF
    said "$work/err" "arm64: /bin/other child"
    told 1 OC # to be looked for in the root
    assert_has "$work/err" "hint: the kernel was told to run programs of arm64 by an emulator that the image does not have"
    run 0 as_told OCF "$abs_top_builddir/tenon-dev" --root "$work/told/store" doctor
    assert_has "$work/out" "linux/arm64: by QEMU, as the kernel was told (binfmt_misc)"
fi

# ---- an ordinary user ----------------------------------------------------------------------
if [ -n "$whole" ]; then
    make_user alice many
    dockerfile <"$work/whole"
    cp -r "$context" "$work/$alice/context"
    chown -R "$alice" "$work/$alice/context"
    for executor in $executors; do
        use_executor "$executor"
        run 0 tenon_as "$alice" build --no-cache --progress=plain,detail=short --platform linux/arm64 \
            "$work/$alice/context"
        said "$work/err" "arm64: /bin/other grandchild"
        said "$work/err" "arm64: 1000"
    done
fi
