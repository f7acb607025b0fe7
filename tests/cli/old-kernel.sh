#!/bin/sh
# Kernels before this one: what is missing there is refused here, by strace.  (tests/vm
# has the kernels themselves.)
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/steps.sh"
need strace python3
strace -f -o /dev/null true 2>/dev/null || skip "strace may not trace here"

# without SYSCALL COMMAND...: where it is unknown.
without() {
    call=$1
    shift
    strace -f -qq -o /dev/null -e trace="$call" -e inject="$call:error=ENOSYS" \
        "$abs_top_builddir/tenon-dev" --root "$store" "$@"
}

# ---- Linux before 5.12: no steps, by no executor, and it is said why ----------------
echo x >"$context/file"
for executor in $executors; do
    use_executor $executor
    printf 'FROM base\nRUN true\n' | dockerfile
    run 1 without mount_setattr build --no-cache --build-context "base=oci-layout://$bases/busybox" "$context"
    assert_has "$work/err" "steps need Linux 5.12 (mount_setattr); this is $(uname -r)"
    run 1 without mount_setattr doctor
    assert_has "$work/out" "NO  kernel           steps need Linux 5.12 (mount_setattr); this is $(uname -r)"
    # What runs no step is built all the same.
    printf 'FROM base\nCOPY file /made/\n' | dockerfile
    run 0 without mount_setattr build --build-context "base=oci-layout://$bases/busybox" \
        -o "$work/out-$executor" "$context"
    assert_eq x "$(cat "$work/out-$executor/made/file")"
done

# ---- Linux before 6.8: overlays the old way, with the same result --------------------
dockerfile <<'D'
FROM base
RUN mkdir /d && echo one >/d/one && echo two >/d/two
RUN rm /d/one && mv /d /e && echo three >/e/three && chown 7:8 /e/three
RUN rm -r /home && mkdir -p /home/new
RUN --mount=type=bind,target=/b test -f /b/file && ! touch /b/new 2>/dev/null
RUN --mount=type=bind,rw,target=/b rm /b/file && touch /b/new && ln -s /b/new /link
D
listing() { tar --numeric-owner -tvf "$1" | awk '{ print $1, $2, $3, $6, $7, $8 }' | sort; }
for executor in $executors; do
    use_executor $executor
    for old in 0 1; do
        run 0 env TENON_OLD_MOUNT=$old "$abs_top_builddir/tenon-dev" --root "$work/odd, store:$old" \
            build --no-cache --build-context "base=oci-layout://$bases/busybox" \
            -o "type=tar,dest=$work/tree.tar" "$context"
        listing "$work/tree.tar" >"$work/listing-$old"
    done
    grep -q '^-rw-r--r-- 7/8 6 e/three' "$work/listing-0" || fail "$executor: no /e/three"
    ! grep ' [de]/one' "$work/listing-0" || fail "$executor: /d/one is there"

    cmp "$work/listing-0" "$work/listing-1" || fail "$executor: the old way makes another tree"
done
