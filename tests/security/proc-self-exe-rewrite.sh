#!/bin/sh
# Writing to the program that starts the step (CVE-2019-5736): tenon or a runtime
# by /proc/self/exe, /proc/1/exe and whatever number there is, as a script's
# interpreter, by a descriptor kept over exec.
. "$(dirname "$0")/lib.sh"
need ldd

# All files that are code of ours or of the runtime's.
code() {
    for f in "$built"/.libs/* "$built"/tenon* $(command -v runc || :) /bin/busybox; do
        [ ! -f "$f" ] || md5sum "$f"
    done
}
before=$(code)

# An image in which tenon and the runtime start, with a library in it that is the image's:
# whoever is made to run one of them runs that.
tenon=$abs_top_builddir/tenon
[ ! -x "$abs_top_builddir/.libs/tenon" ] || tenon=$abs_top_builddir/.libs/tenon
mkdir "$context/libs"
ldd "$tenon" | grep -o '/[^ ]*' >"$work/libs" || skip "tenon needs no libraries here"
! command -v runc >/dev/null || ldd "$(command -v runc)" | grep -o '/[^ ]*' >>"$work/libs" ||
    not_tried "rewriting of the runtime: it needs no libraries here"
while read -r lib; do cp -L --parents "$lib" "$context/libs/"; done <"$work/libs"
cc -shared -fPIC -O1 -DPRELOAD -o "$context/libs/evil.so" "$here/probe.c" || fail "the library does not compile"

cat >"$context/Dockerfile" <<END
FROM base
COPY probe /
COPY libs /
ENV LD_PRELOAD=/evil.so
RUN /probe rewrite 200
RUN printf '#!/proc/self/exe\n' >/script && chmod 755 /script
RUN ["/probe", "rewrite", "50"]
RUN /probe write /proc/self/exe /proc/1/exe /proc/self/root/proc/1/exe /proc/self/fd/0 /proc/1/fd/1
RUN /probe keep /proc/1/exe /probe
RUN rm /proc/self/exe; mv /probe /proc/self/exe; ln -f /probe /proc/1/exe; chmod 777 /proc/1/exe; truncate -s 0 /proc/1/exe; true
END
for command in '["/proc/self/exe"]' '["/script"]' '["/proc/1/exe", "write", "/proc/self/exe"]' \
    '["/proc/self/fd/3"]' '["/proc/thread-self/exe"]'; do
    n=$((${n-0} + 1))
    cat >"$context/exec$n.Dockerfile" <<END
FROM base
COPY probe /
COPY libs /
ENV LD_PRELOAD=/evil.so
RUN printf '#!/proc/self/exe\n' >/script && chmod 755 /script
RUN $command
END
done

trial() {
    try 0 --no-cache
    assert_eq "$before" "$(code)"
    # No process that is not the step's own is there to be written to.
    said | grep -E '^rewrite: ' >"$work/rewrites"
    [ "$(wc -l <"$work/rewrites")" = 2 ] || fail "$executor: it was not tried"
    for n in 1 2 3 4 5; do
        attempt --no-cache -f "$context/exec$n.Dockerfile"
        assert_eq "$before" "$(code)"
        said | grep '^loaded: ' >>"$work/loaded-$executor" || :
        ! grep ' works' "$work/loaded-$executor" || fail "$executor: the program that started the step was opened for writing"
    done
    # Who reads it is no secret; that it runs is how a step can try.
    [ $executor = oci ] && ! ldd "$(command -v runc)" >/dev/null 2>&1 ||
        [ "$(grep -c '^loaded: .* for reading: open' "$work/loaded-$executor")" -ge 4 ] ||
        { cat "$work/loaded-$executor" >&2; fail "$executor: what starts the step did not run in one"; }
    # For a shell, too.
    printf 'FROM base\nCOPY probe /\nCOPY libs /\nENV LD_PRELOAD=/evil.so\nRUN exit 3\n' >"$context/fails.Dockerfile"
    try 1 --no-cache -f "$context/fails.Dockerfile"
    for command in /proc/self/exe '/probe rewrite 50'; do
        tenon shell $command </dev/null >"$work/out" 2>&1 || :
        assert_eq "$before" "$(code)"
        ! grep 'loaded: .* works' "$work/out" || fail "$executor: opened for writing from a shell"
    done
}
each_executor trial
cat "$work"/loaded-*
