#!/bin/sh
# The exit status of the command, exactly: 0 done, 1 it failed, 2 wrong usage, 130
# ended by a signal; of a shell, the command's own.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/steps.sh"

# code STATUS ARGUMENT...: nothing to read, no terminal.
tried=0
code() {
    wanted_status=$1
    shift
    run "$wanted_status" tenon "$@" </dev/null
    # Who fails says why, and who succeeds does not complain.
    if [ "$wanted_status" = 0 ]; then
        ! grep -q '^tenon.*: ' "$work/err" || { cat "$work/err" >&2; fail "complains: $*"; }
    else
        [ -s "$work/err" ] || [ -s "$work/out" ] || fail "fails without a word: $*"
    fi
    tried=$((tried + 1))
}

printf 'FROM scratch\nCOPY Dockerfile /f\n' | dockerfile

# ---- done ------------------------------------------------------------------------
code 0
code 0 --help
code 0 -h
code 0 help
code 0 help build
code 0 --version
code 0 version
code 0 version --format json
code 0 du
code 0 du --filter type=regular
code 0 images
code 0 images ls
code 0 images list
code 0 plugins
code 0 plugins mount-secret
code 0 prune --force
code 0 prune -af
code 0 build -q "$context"
code 0 build -t example.org/x:1 "$context"
code 0 images rm example.org/x:1
code 0 docker status --config "$work/docker"
code 0 doctor
code 0 build --check "$context"
code 0 build --call=outline "$context"

# ---- wrong usage ------------------------------------------------------------------
code 2 no-such-verb
code 2 help no-such-verb
code 2 --no-such-option
code 2 --root
code 2 --version=1
for verb in build lock prune du why images plugins docker shell doctor version; do
    code 2 $verb --no-such-option
    code 2 $verb -Z
    code 0 $verb --help
    code 0 $verb -h
done
for verb in prune du why doctor version images plugins; do
    code 2 $verb --format
    code 2 $verb --format yaml
done
for verb in prune du doctor version; do code 2 $verb one-too-many; done
code 2 why one two
code 1 why no-such-step
for filter in type "no=such" origin= "until=yesterday" "until=-1h"; do
    code 2 prune --force --filter "$filter"
    code 2 du --filter "$filter"
done
for filter in inuse=perhaps shared=2 mutable=; do code 2 du --filter $filter; done
code 2 prune --force --filter inuse=true
for space in reserved max-used min-free; do code 2 prune --force --$space-space much; done
code 2 prune --force --reserved-space -1
code 2 images rm
code 2 images no-such-word
code 2 images ls more
code 2 docker
code 2 docker no-such-word
code 2 shell --allow
code 2 build
code 2 build "$context" one-too-many
code 2 build -o type=local,more "$context"
code 2 build -o dest=x "$context"
code 2 build -o , "$context"
code 2 build --iidfile "$work/iid" -o "$work/tree" "$context"
code 2 build --call=nonsense "$context"
code 2 build --call=check,nonsense "$context"
code 2 build --allow no-such-right "$context"
code 2 build --secret nonsense= "$context"
code 2 build -f "$work/absent" "$context"
code 2 build "$work/absent"
code 2 build -o type=no-such-type "$context"
code 2 build -o type=oci,nonsense=1,dest=/dev/null "$context"
code 2 build --cache-to type=no-such-type "$context"
code 2 build --progress=no-such-display "$context"

# ---- it failed ---------------------------------------------------------------------
code 1 prune
code 1 prune --all
code 1 images rm example.org/none:1
code 1 plugins no-such-plugin
code 1 shell true
code 1 --root "$context/Dockerfile" du
code 1 --root "$context/Dockerfile" build "$context"
code 1 --config "$work/absent.json" version
for key in registries plugins http cdi-dirs; do
    printf '{"%s": null}\n' $key >"$work/null.json"
    code 0 --config "$work/null.json" version
done
code 1 --plugin-dir "$work/absent" plugins
code 1 --plugin-dir "$work/absent" build "$context"
code 1 build --target absent "$context"
printf 'FROM scratch\nFLY\n' | dockerfile
code 1 build "$context"
code 1 build -q "$context"
code 1 build --check "$context"
code 1 build --call=outline "$context"
printf 'from scratch AS a\nCOPY x /x\n' | dockerfile
code 1 build "$context"
for config in '{"jobs": 0}' '{"jobs": 1001}' '{"jobs": "2"}' '{"root": 1}' '[]' '{'; do
    echo "$config" >"$TENON_CONFIG"
    code 1 version
done
echo '{"jobs": 1000}' >"$TENON_CONFIG"
code 0 version
echo '{"executor": "none"}' >"$TENON_CONFIG"
code 1 doctor
echo '{}' >"$TENON_CONFIG"
# Findings of a check, unless they are to be ignored.
code 1 build --check "$context"
code 1 build --call=check "$context"
code 1 build --call=check,format=json "$context"
code 0 build --call=check,ignorestatus "$context"
code 0 build --call=check,ignorestatus=true "$context"
code 0 build --call=check,ignorestatus=1 "$context"
code 1 build --call=check,ignorestatus=false "$context"
code 1 build --call=check,ignorestatus=0 "$context"
code 1 build --call=check,ignorestatus,ignorestatus=F "$context"
code 2 build --call=check,ignorestatus=maybe "$context"
code 2 build --call=check,ignorestatus= "$context"
code 2 build --call=check,ignorestatusly "$context"
code 2 build --call=check,format=xml "$context"
code 2 build --call=chek "$context"
code 2 build --call=, "$context"

child_seen() { grep -qsxz -e $marker /proc/[0-9]*/cmdline; }
# ---- steps: whatever they end with is a failure of the build ----------------------------
for executor in $executors; do
    use_executor $executor
    for status in 1 2 3 77 126 127 130 137 255; do
        printf 'FROM base\nRUN exit %s\n' $status | dockerfile
        run 1 build </dev/null
        assert_has "$work/err" "exit code: $status"
        tried=$((tried + 1))
    done
    for signal in KILL TERM SEGV; do
        printf 'FROM base\nRUN sh -c "kill -%s \$\$"; exit $?\n' $signal | dockerfile
        run 1 build </dev/null
        case $signal in KILL) status=137 ;; TERM) status=143 ;; SEGV) status=139 ;; esac
        assert_has "$work/err" "exit code: $status"
        tried=$((tried + 1))
    done

    # A shell ends as what was run in it.
    printf 'FROM base\nRUN exit 3\n' | dockerfile
    run 1 build </dev/null
    for status in 0 1 2 7 126 127 130 255; do
        run $status tenon shell sh -c "exit $status" </dev/null
        tried=$((tried + 1))
    done
    # The first process of a namespace is not killed from inside.
    for signal in KILL TERM; do
        case $signal in KILL) status=137 ;; TERM) status=143 ;; esac
        marker=4242$$$status
        "$abs_top_builddir/tenon-dev" --root "$store" shell sh -c "trap 'trap - TERM; exit 143' TERM; sleep $marker & wait" \
            </dev/null >"$work/out" 2>"$work/err" &
        shell=$!
        remember $shell
        # Its child is there when it has set its trap.
        await "the shell's child" child_seen
        victim=
        for _ in $(seq 600); do
            victim=$(grep -lsxz -e "trap 'trap - TERM; exit 143' TERM; sleep $marker & wait" /proc/[0-9]*/cmdline | cut -d/ -f3 |
                while read -r p; do case $(readlink /proc/$p/exe) in */busybox) echo $p ;; esac; done | head -n 1)
            [ -z "$victim" ] || break
            sleep 0.05
        done
        [ -n "$victim" ] || fail "$executor: no process of the shell"
        kill -$signal "$victim"
        got=0
        wait $shell || got=$?
        [ $got = $status ] || { cat "$work/err" >&2; fail "$executor: SIG$signal gave $got"; }
        tried=$((tried + 1))
    done
    # A program that is not there fails as in a step.
    run 1 tenon shell /no/such/program </dev/null
    run 1 tenon shell --build no-such-build true </dev/null
done

# ---- signals -------------------------------------------------------------------------
printf 'FROM base\nRUN --mount=type=cache,target=/c echo waiting; while ! test -e /c/never; do sleep 0.05; done\n' | dockerfile
use_executor native
# What is ignored from the start, as with nohup, ends nothing.
printf 'FROM base\nRUN --mount=type=bind,target=/b echo waiting; sleep 2; echo went on\n' >"$context/nohup.Dockerfile"
(
    trap '' HUP
    exec "$abs_top_builddir/tenon-dev" --root "$store" build --progress=plain --no-cache -f "$context/nohup.Dockerfile" \
        --build-context "base=oci-layout://$bases/busybox" "$context"
) >"$work/log" 2>&1 &
remember $!
nohup=$!
await "the step" grep -Eq '^#[0-9]+ [0-9.]+ waiting' "$work/log"
kill -HUP $nohup
wait $nohup || { cat "$work/log" >&2; fail "SIGHUP, though ignored, ended the build"; }
assert_has "$work/log" "went on"
for signal in INT TERM HUP; do
    for output in "--progress=plain" "-q"; do
        rm -f "$work/log"
        if [ "$output" = -q ]; then touch "$work/log"; fi
        # A shell has SIGINT ignored in what it starts with "&".
        python3 - "$signal" "$work/log" "$abs_top_builddir/tenon-dev" --root "$store" build $output \
            --no-cache --build-context "base=oci-layout://$bases/busybox" "$context" <<'END_PYTHON' ||
import os, signal, subprocess, sys, time
number = getattr(signal, "SIG" + sys.argv[1])
with open(sys.argv[2], "wb") as log:
    build = subprocess.Popen(sys.argv[3:], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    # Until the step is there: it holds the lock of its cache.
    for _ in range(1200):
        said = open(sys.argv[2], "rb").read()
        locks = os.path.join(sys.argv[5], "locks")
        held = os.path.isdir(locks) and any(n.startswith("cache-") and not n.startswith("cache-id") for n in os.listdir(locks))
        if b"waiting\n" in said or "-q" in sys.argv and held:
            break
        time.sleep(0.05)
    else:
        build.kill()
        sys.exit("the step does not begin")
    build.send_signal(number)
    status = build.wait(60)
sys.exit(status != 130 and "status %d" % status)
END_PYTHON
            { cat "$work/log" >&2; fail "SIG$signal, $output"; }
        tried=$((tried + 1))
        assert_eq "" "$(ls "$store/locks")"
    done
done
[ $tried -ge 150 ] || fail "only $tried tried"
