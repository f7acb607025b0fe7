#!/bin/sh
# The display on a terminal, further: colours, what the environment wishes, output
# that would harm, a failure, Ctrl-C, and where there is no terminal.
. "$(dirname "$0")/lib.sh"
. "$abs_top_srcdir/tests/cli/terminal.sh"
need python3
need_root
need_terminal
make_bases

# A step waits at a gate until the test opens it.
mkdir "$work/context"
start_gates "$work/context/gate"

build="$abs_top_builddir/tenon-dev --root $store build --build-context base=oci-layout://$bases/busybox \
    -o type=cacheonly"
dockerfile() { cat >"$work/context/Dockerfile"; }

# ---- 20x10, a failure, colours, output that would harm --------------------------------

dockerfile <<'END'
FROM base
RUN --mount=type=bind,source=gate,target=/gate printf 'a\033]0;title\007b\033[2J\033[31mc\033[0m\nbar\r' && sh /gate seen
RUN echo said; exit 3
END
term_start 20 10 "$build $work/context"
term_until "# abc"
term_screen >"$work/screen"
! grep -q ".\{20\}" "$work/screen" || show "a line of more than 19 columns"
screen_has '^\[\+\] [0-9.]+s \([0-9]+/[0-9]+\)$'
open_gate seen
term_wait 1
term_all >"$work/screen"
screen_has '^ => ERROR \[2/3'
screen_has '^Dockerfile:3$'
screen_has '^ERROR: failed to build: failed to solve: process "/bin/sh -c echo said; exit 3" did not complete'
assert_eq 1 "$(term_cursor)"
for bad in ']0;title' '[2J'; do record_lacks "${esc}$bad"; done
record_has "${esc}[31m => ERROR [2/3"
record_has "${esc}[2m => => # "
term_end

term_start 80 24 "BUILDKIT_COLORS=run=green:error=255,0,0:warning=nocolor $build $work/context"
term_wait 1
term_screen >"$work/screen"
term_all >"$work/screen"
screen_has '^warning: colors ".*": "warning=nocolor" is ignored$'
record_has "${esc}[32m => CACHED [1/3] RUN"
record_has "${esc}[38;2;255;0;0m => ERROR [2/3]"
term_end
# ... the recap has all that the step said, between dashes
grep -A 3 '^------$' "$work/screen" | sed -n '1,4s/^[0-9.]* said/TIME said/; 1,4p' >"$work/recap"
cat >"$work/wanted" <<'END'
------
 > [2/3] RUN echo said; exit 3:
TIME said
------
END
diff -u "$work/wanted" "$work/recap" || fail "another recap"

printf 'FROM base as x\nRUN exit 3\n' | dockerfile
term_start 80 24 "NO_COLOR=1 BUILDKIT_COLORS=run=green $build $work/context"
term_wait 1
term_screen >"$work/screen"
screen_has '^ => WARN: FromAsCasing: .* [0-9.]+s$'
screen_has '^ 1 warning found'
! grep -qaE "$esc\[[0-9;]*m" "$work/term-record" || fail "colours with NO_COLOR"
term_end
# What means nothing there is told of, and left out.
term_start 100 24 "NO_COLOR= TTY_DISPLAY_RATE=0 BUILDKIT_TTY_LOG_LINES=101 $build $work/context"
term_wait 1
record_has "${esc}[33m => WARN: FromAsCasing"
record_has "${esc}[33m1 warning found"
record_has "TTY_DISPLAY_RATE=0 is ignored: expected a number from 1 to 60000"
record_has "BUILDKIT_TTY_LOG_LINES=101 is ignored: expected a number from 0 to 100"
term_end

# ---- the environment's wishes; Ctrl-C --------------------------------------------------

dockerfile <<'END'
FROM base
COPY gate /bin/gate
RUN for i in 1 2 3 4 5 6; do echo "line $i"; sleep 0.2; done; gate never
END
term_start 80 24 "BUILDKIT_TTY_LOG_LINES=2 TTY_DISPLAY_RATE=1000 $build $work/context"
term_until "# line 6"
term_screen >"$work/screen"
screen_has '# line 5'
screen_lacks '# line 4'
began=$(date +%s%N)
before=$(term_frames)
sleep 2.5
frames=$(($(term_frames) - before))
ended=$(date +%s%N)
[ "$frames" -le $(((ended - began) / 1000000000 + 2)) ] || fail "$frames pictures with a rate of 1 s"
term_keys C-c
term_wait 130
term_screen >"$work/screen"
screen_has '^ => CANCELED \[2/3\] RUN '
screen_lacks '# line'
assert_eq 1 "$(term_cursor)"
record_has "${esc}[33m => CANCELED [2/3]"
term_end

# ---- where there is no terminal ---------------------------------------------------------

printf 'FROM base\nRUN echo said\n' | dockerfile
for mode in --progress=auto --progress=tty --progress=tty,lines=2; do
    # shellcheck disable=SC2086 # words
    run 0 $build $mode "$work/context"
    assert_has "$work/err" "#1 [internal] load build definition from Dockerfile"
    assert_lacks "$work/err" "$esc"
done
term_start 80 24 "TERM=dumb $build $work/context"
term_wait 0
term_all >"$work/screen"
screen_has '^#1 \[internal\] load build definition'
record_lacks "$esc"
term_end
# Standard output may go elsewhere.
term_start 80 24 "$build $work/context >$work/stdout"
term_wait 0
term_screen >"$work/screen"
screen_has 'FINISHED$'
[ ! -s "$work/stdout" ] || fail "talk on standard output"
term_end
