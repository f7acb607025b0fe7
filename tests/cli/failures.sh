#!/bin/sh
# Steps that fail: the line, the code, the last words, the whole log; and a hint for
# each reason that can be found.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/steps.sh"
need python3

# A program for another processor, one without its loader, and what is no program.
python3 - "$context" <<'P'
import os, struct, sys
def elf(name, machine, interp=b""):
    head = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 2, machine, 1, 0x400078, 64, 0,
                       0, 64, 56, 1, 64, 0, 0)
    kind = 3 if interp else 1
    ph = struct.pack("<IIQQQQQQ", kind, 5, 120 if interp else 0, 0x400000, 0x400000,
                     len(interp) or 121, len(interp) or 121, 4096)
    put(name, head + ph + (interp or b"\xcc"), 0o755)
def put(name, data, mode):
    path = os.path.join(sys.argv[1], name)
    open(path, "wb").write(data)
    os.chmod(path, mode)
own = struct.unpack("<H", open("/bin/busybox", "rb").read(20)[18:])[0]
elf("other", 183 if own != 183 else 62)
elf("s390", 22)
elf("noloader", own, b"/lib64/no-such-loader.so.2\0")
put("script", b"#!/usr/bin/none -x\necho hi\n", 0o755)
put("dos", b"#!/bin/sh\r\necho hi\r\n", 0o755)
put("plain", b"#!/bin/sh\necho hi\n", 0o644)
put("empty", b"", 0o755)
P

failing() { # INSTRUCTION...: a file of which the last one fails
    printf '%s\n' "$@" | dockerfile
    run 1 build --no-cache $flags
}
flags=
for executor in $executors; do
    use_executor $executor

    # ---- what is said of every one ---------------------------------------------
    printf 'FROM base\nRUN true\n\n# a comment\nRUN for i in $(seq 1 300); do echo "word $i"; done; \\\n    echo to stderr >&2; \\\n    exit 42\n' | dockerfile
    run 1 build
    assert_has "$work/err" 'did not complete successfully: exit code: 42'
    assert_has "$work/err" "Dockerfile:5"
    assert_has "$work/err" "   5 | >>> RUN for i in"
    assert_has "$work/err" "   7 | >>>     exit 42"
    assert_has "$work/err" "hint: tenon shell enters the failed step"
    # Its last lines once more below, and the first ones are not.
    sed -n '/^------$/,/^------$/p' "$work/err" >"$work/last"
    assert_has "$work/last" "/3] RUN for i in"
    assert_has "$work/last" " word 300"
    assert_has "$work/last" " to stderr"
    assert_lacks "$work/last" " word 100"
    # All of it is in the store.
    log=$(find "$store/logs" -type f -newer "$context/Dockerfile" | xargs grep -lF "word 300" | head -n 1)
    [ -n "$log" ] || fail "no log in the store"
    assert_eq 300 "$(grep -c 'word ' "$log")"
    assert_has "$log" "to stderr"

    # ---- codes and signals, as BuildKit reports them -----------------------------
    for code in 2 127 255; do
        failing "FROM base" "RUN exit $code"
        assert_has "$work/err" "exit code: $code"
    done
    # The shell of a step is number 1 of its namespace, which takes no signal from
    # itself that it does not handle; a child of it does.
    for pair in 11:139 15:143; do
        failing "FROM base" "RUN sh -c 'kill -${pair%:*} \$\$'; exit \$?"
        assert_has "$work/err" "exit code: ${pair#*:}"
    done
    failing "FROM base" "RUN set -e; false; echo not reached"
    assert_has "$work/err" "exit code: 1"
    assert_lacks "$work/last" "not reached"

    # ---- reasons ---------------------------------------------------------------
    failing "FROM base" 'RUN ["nosuchprogram", "arg"]'
    assert_has "$work/err" 'process "nosuchprogram arg" did not complete successfully: exit code: 1'
    assert_has "$work/err" 'hint: the image has no program "nosuchprogram"'
    failing "FROM base" 'RUN ["/no/such/program"]'
    assert_has "$work/err" 'hint: the image has no program "/no/such/program"'
    failing "FROM scratch" "COPY plain /" "RUN echo hi"
    assert_has "$work/err" 'hint: the image has no program "/bin/sh"'
    failing "FROM base" 'SHELL ["/bin/bash", "-c"]' "RUN echo hi"
    assert_has "$work/err" 'hint: the image has no program "/bin/bash"'
    failing "FROM base" "COPY plain /" 'RUN ["/plain"]'
    assert_has "$work/err" 'hint: "/plain" is not executable'
    failing "FROM base" "COPY script /" 'RUN ["/script"]'
    assert_has "$work/err" 'hint: "/script" needs "/usr/bin/none", which the image does not have'
    failing "FROM base" "COPY noloader /" 'RUN ["/noloader"]'
    assert_has "$work/err" 'hint: "/noloader" needs "/lib64/no-such-loader.so.2", which the image does not have'
    failing "FROM base" "COPY dos /" 'RUN ["/dos"]'
    assert_has "$work/err" 'hint: "/dos" has DOS line ends'
    for name in other s390; do
        failing "FROM base" "COPY $name /bin/" "RUN [\"$name\"]"
        assert_has "$work/err" "hint: \"/bin/$name\" is for another processor (exec format error)"
        assert_has "$work/err" "--platform"
    done
    failing "FROM base" "COPY other /bin/sh" "RUN echo hi"
    assert_has "$work/err" 'hint: "/bin/sh" is for another processor (exec format error)'
    failing "FROM base" "COPY empty /" 'RUN ["/empty"]'
    assert_has "$work/err" 'hint: "/empty" is empty'
    failing "FROM base" 'RUN ["/etc"]'
    assert_has "$work/err" 'hint: "/etc" is a directory'
    # A shell that does not find its program says so itself; the shell is there.
    failing "FROM base" "RUN nosuchprogram"
    assert_has "$work/err" "nosuchprogram: not found"
    assert_has "$work/err" "exit code: 127"
    assert_lacks "$work/err" "the image has no program"

    # ---- memory ----------------------------------------------------------------
    # tail keeps a line that never ends.
    flags="--resource memory=24m"
    printf 'FROM base\nRUN echo before; head -c 200000000 /dev/zero | tail -n 1 >/dev/null; echo "status $?"; exit 5\n' | dockerfile
    got=0
    build --no-cache $flags >"$work/out" 2>"$work/err" || got=$?
    assert_eq 1 $got
    if grep -qF "resource limits:" "$work/err"; then
        not_tried "out of memory by $executor: needs a control group for memory"
    else
        assert_has "$work/err" " before"
        assert_has "$work/err" "hint: a process of the step was killed, out of memory: raise --resource memory"
        # On a busy machine the kernel may take the shell after tail has gone.
        grep -qE 'exit code: (5|137)$' "$work/err" || { cat "$work/err" >&2; fail "$executor: no exit code"; }
        # Enough of it: nothing is said.
        flags="--resource memory=600m"
        printf 'FROM base\nRUN head -c 2000000 /dev/zero | tail -n 1 >/dev/null; exit 6\n' | dockerfile
        run 1 build $flags
        assert_has "$work/err" "exit code: 6"
        assert_lacks "$work/err" "out of memory"
        # Killed, but not by the kernel for memory.
        failing "FROM base" "RUN sh -c 'kill -9 \$\$'; exit \$?"
        assert_has "$work/err" "exit code: 137"
        assert_lacks "$work/err" "out of memory"
    fi
    flags=
done

# The line is the one of the file that has it: with -f, from standard input, in a
# stage, behind a here-document.
printf 'FROM base AS one\nRUN true\nFROM base\nCOPY --from=one /etc/passwd /\nRUN <<E\nset -e\nfalse\nE\n' >"$context/other.Dockerfile"
run 1 build -f "$context/other.Dockerfile"
assert_has "$work/err" "other.Dockerfile:5"
assert_has "$work/err" ">>> false"
