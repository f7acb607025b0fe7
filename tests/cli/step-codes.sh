#!/bin/sh
# How a step ends, as the build says it: every code that a program may give, the signals
# that end the first process of a step, and those of another, by each executor.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/steps.sh"
need cc

# The kernel ends even the first process of a namespace by what that did itself.
cat >"$work/crash.c" <<'C'
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
static volatile int zero;
int main(int argc, char **argv) {
    const char *how = argc > 1 ? argv[1] : "";
    char name[] = "/tmp/XXXXXX";
    if (!strcmp(how, "SEGV")) *(volatile int *)(long)zero = 1;
    if (!strcmp(how, "ILL")) __builtin_trap();
    if (!strcmp(how, "BUS")) /* behind the end of a file */
        *(volatile char *)mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, mkstemp(name), 0) = 1;
#if defined(__x86_64__) || defined(__i386__)
    if (!strcmp(how, "FPE")) return 77 / zero;
    if (!strcmp(how, "TRAP")) __asm__ volatile("int3");
#endif
    return 99;
}
C
cc -static -O0 -w -o "$context/crash" "$work/crash.c" || fail "the program does not compile"
crashes="SEGV:139 ILL:132 BUS:135"
case $(uname -m) in x86_64 | i?86) crashes="$crashes FPE:136 TRAP:133" ;; esac

ends() { # CODE INSTRUCTION
    printf 'FROM base\nCOPY crash /\n%s\n' "$2" | dockerfile
    run $(($1 != 0)) build --no-cache -o type=cacheonly
    if [ "$1" = 0 ]; then
        assert_lacks "$work/err" "exit code"
    else
        grep '^ERROR: ' "$work/err" | grep -q "did not complete successfully: exit code: $1\$" ||
            { cat "$work/err" >&2; fail "$executor: not code $1 of $2"; }
    fi
}
for executor in $executors; do
    use_executor $executor
    for code in 0 1 2 3 4 10 100 126 127 128 129 130 137 139 143 254 255; do
        ends $code "RUN exit $code"
    done
    ends 0 "RUN exit 256"
    for pair in $crashes; do
        ends "${pair#*:}" "RUN [\"/crash\", \"${pair%:*}\"]"
    done
    ends 99 'RUN ["/crash"]'

    # Killed from outside, as by one who looks for memory.
    mark=$executor-$$
    printf 'FROM base\nARG MARK\nRUN echo begun; exec sleep 1111\n' | dockerfile
    "$abs_top_builddir/tenon-dev" --root "$store" build --progress=plain,detail=short --no-cache --build-arg "MARK=$mark" \
        --build-context "base=oci-layout://$bases/busybox" -o type=cacheonly "$context" >"$work/killed" 2>&1 &
    build=$!
    remember $build
    victim=
    for _ in $(seq 1200); do
        for p in $(grep -lsaF "MARK=$mark" /proc/[0-9]*/environ); do
            [ "$(tr '\0' ' ' <"${p%environ}cmdline")" != "sleep 1111 " ] || victim=$(echo "$p" | cut -d/ -f3)
        done
        [ -z "$victim" ] || break
        sleep 0.05
    done
    [ -n "$victim" ] || { cat "$work/killed" >&2; fail "$executor: no process of the step is seen"; }
    kill -KILL "$victim"
    got=0
    wait $build || got=$?
    assert_eq 1 $got
    grep '^ERROR: ' "$work/killed" | grep -q 'exit code: 137$' || { cat "$work/killed" >&2; fail "$executor: not 137"; }

    # Any signal ends a process that is not the first; the shell tells. (It is deaf to 3.)
    cat >"$context/signals" <<'S'
for n in 1 2 4 5 6 7 8 9 10 11 12 13 14 15 16 24 25 26 27 30 31; do
    sh -c "kill -$n \$\$; sleep 9" 2>/dev/null
    echo "$n $?"
done
S
    printf 'FROM base AS s\nRUN --mount=type=bind,source=signals,target=/signals sh /signals >/told\nFROM scratch\nCOPY --from=s /told /\n' | dockerfile
    result --no-cache
    for n in 1 2 4 5 6 7 8 9 10 11 12 13 14 15 16 24 25 26 27 30 31; do echo "$n $((128 + n))"; done >"$work/wanted"
    diff "$work/wanted" "$work/tree/told" || fail "$executor: signals"
done
