#!/bin/sh
# The display on a real terminal: what stands on the screen, at which size, in which
# colours, how often it is drawn, and what is left when it is over.
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

# tidy COLUMNS [1]: a whole picture, its seconds all in the last column but one;
# 1: and nothing of another one.
tidy() {
    term_screen >"$work/screen"
    awk -v w="$1" -v one="${2-}" '
        /^\[\+\]/ { heads++; bad = length($0) >= w; next }
        heads == 0 || /^$/ { next } # what stood there before
        !/^ => / { bad = 1 }
        /^ => => #/ { if (length($0) >= w) bad = 1; next }
        length($0) != w - 1 || !/ [0-9]+\.[0-9]s$/ { bad = 1 }
        END { exit heads < 1 || bad || one && heads != 1 }' "$work/screen"
}
until_tidy() {
    for _ in $(seq 600); do
        ! tidy "$@" || return 0
        sleep 0.1
    done
    show "torn at $1 columns"
}

# ---- 100x30: everything that a line can say ---------------------------------------

dockerfile <<'END'
FROM base AS one
COPY gate /bin/gate
RUN for i in 1 2 3 4 5 6 7 8 9; do echo "one $i"; done; gate first
FROM base AS two
COPY gate /bin/gate
RUN echo "of two"; printf '50%%\r60%%\r'; gate second
FROM base
COPY --from=one /bin/gate /one
COPY --from=two /bin/gate /two
END
term_start 100 30 "seq -f 'before %g' 3; $build $work/context"
term_until "one 9"
term_until "# 60%"
until_tidy 100 1
screen_has '^before 3$'
screen_has '^\[\+\] Building [0-9]+\.[0-9]s \([0-9]+/[0-9]+\)$'
screen_has '^ => \[internal\] load build definition from Dockerfile +[0-9]+\.[0-9]s$'
screen_has '^ => => transferring dockerfile: [0-9]+B +[0-9]+\.[0-9]s$'
screen_has '^ => => transferring context: [0-9]+B +[0-9]+\.[0-9]s$'
screen_has '^ => \[one 1/3\] COPY gate /bin/gate +[0-9]+\.[0-9]s$'
screen_has '^ => \[one 2/3\] RUN for i in 1 2 3 4 5 6 7 8 9; do echo "one \$i"; done; gate first +[0-9]+\.[0-9]s$'
screen_has '^ => => # one 4$' # the last six
screen_lacks '# one 3'
screen_has '^ => => # of two$'
screen_has '^ => => # 60%$' # the line has no end yet
screen_lacks "# 50%"

# Lower and higher, narrower and wider: the picture is whole each time. (What a
# terminal pushes up before it tells its new size is out of reach.)
for size in '100 12' '100 30' '60 30' '100 8' '100 60' '20 10' '44 9' '17 5' '120 40' '100 30'; do
    # shellcheck disable=SC2086 # two numbers
    term_resize $size
    until_tidy "${size% *}"
    screen_has '=> \[one 2/'
    screen_has '=> \[two 2/'
done
open_gate first
open_gate second
term_wait 0
term_screen >"$work/screen"
screen_has '^\[\+\] Building [0-9]+\.[0-9]s \(([0-9]+)/\1\) FINISHED$'
screen_lacks '=> => #'
screen_has '^ => \[stage-2 2/3\] COPY --from=two /bin/gate /two +[0-9]+\.[0-9]s$'
assert_eq 1 "$(term_cursor)"
term_end

# All from the cache: a word in front, no time.
term_start 100 30 "$build $work/context"
term_wait 0
term_screen >"$work/screen"
tidy 100 1 || show "torn"
screen_has '^ => CACHED \[one 1/3\] COPY gate /bin/gate +0\.0s$'
screen_has '\(([0-9]+)/\1\) FINISHED$'
# run blue, the rest as the terminal has it
record_has "${esc}[34m => CACHED [one 1/3] COPY"
record_lacks "${esc}[2J"
term_end

# ---- 80x12: 300 steps, one of which goes on all the time -----------------------------

seq 30 | while read -r i; do echo "$i" >"$work/context/f$i"; done
for s in 0 1 2 3 4 5 6 7 8 9; do
    echo "FROM base AS s$s"
    echo "ENV stage=$s"
    [ $s != 0 ] || printf 'COPY gate /bin/gate\nRUN echo held; gate here\n'
    seq 29 | sed "s/.*/COPY f& \/$s-&/"
done | dockerfile
{
    echo 'FROM scratch'
    for s in 0 1 2 3 4 5 6 7 8 9; do echo "COPY --from=s$s /$s-29 /$s"; done
} >>"$work/context/Dockerfile"
began=$(date +%s%N)
term_start 80 12 "$build $work/context"
# Until nothing else goes on: while ten steps run there is no room for its output. It, the 29
# below it, and the last ten are missing then.
all_the_rest() {
    term_screen | sed -nE '1s/.*\(([0-9]+)\/([0-9]+)\).*/\1 \2/p' >"$work/count"
    read -r finished total <"$work/count" && [ "$total" -gt 300 ] && [ $((total - finished)) = 40 ]
}
await "all the other steps" all_the_rest
term_until "# held"
until_tidy 80 1
# It began long ago and stays, with its output; others scrolled away.
screen_has '^ => \[s0 2/32\] *RUN echo held; gate here|^ => \[s0 +2/32\] RUN echo held; gate here'
screen_has '^ => => # held$'
screen_lacks 'load build definition'
assert_eq 11 "$(grep -c . "$work/screen")" # all rows but the cursor's
open_gate here
term_wait 0
ended=$(date +%s%N)
term_all >"$work/screen"
assert_eq 1 "$(grep -c '^\[+\]' "$work/screen")"
screen_has '^\[\+\] Building [0-9]+\.[0-9]s \(([0-9]+)/\1\) FINISHED'
for s in 0 1 2 3 4 5 6 7 8 9; do
    assert_eq 29 "$(grep -Ec "^ => \[s$s +[0-9]+/[0-9]+\] COPY f" "$work/screen")"
    assert_eq 1 "$(grep -Ec "COPY --from=s$s /$s-29 /$s " "$work/screen")"
done
assert_eq 1 "$(term_cursor)"
# Ten a second at most.
frames=$(term_frames)
[ "$frames" -le $(((ended - began) / 100000000 + 3)) ] ||
    fail "$frames pictures in $(((ended - began) / 1000000)) ms"
[ "$frames" -ge 3 ] || fail "$frames pictures only"
record_lacks "${esc}[2J"
term_end
