#!/bin/sh
# Progress as lines (plain), as JSON, and none at all: every form of line, parallel
# steps, and what steps may print: escape sequences, binary, lines without end.
. "$(dirname "$0")/lib.sh"
need python3 jq
need_root
make_bases
mkdir "$work/context"
cd "$work"
build() {
    tenon build --build-context "base=oci-layout://$bases/busybox" -o type=cacheonly "$@" "$work/context"
}
dockerfile() { cat >"$work/context/Dockerfile"; }

# What differs from run to run made the same.
plain() {
    sed -E -e 's/sha256:[0-9a-f]{64}/sha256:HEX/g' -e 's/[0-9-]{10} [0-9:.]{18} \+0000 UTC/TIME/' \
        -e 's/(duration: )([0-9]+[hm])*[0-9.]+(s|ms|µs|ns)$/\1TIME/' -e 's/^(#[0-9]+ )[0-9]+\.[0-9]{1,3} /\1S.SSS /' \
        -e 's/ [0-9]+\.[0-9]s( done)?$/ T.Ts\1/' -e 's/^[0-9]+\.[0-9]{1,3} /S.SSS /' -e 's/ [0-9.]+k?B( T.Ts)? done$/ SIZE done/' -e "s|$store/logs/[0-9a-f]+-[0-9a-f]+/[0-9a-f]{64}|STORE/logs/BUILD/STEP|" "$work/err"
}
same() {
    cat >"$work/wanted"
    plain >"$work/got"
    diff -u "$work/wanted" "$work/got" >"$work/diff" || { cat "$work/diff" "$work/err" >&2; fail "another output"; }
}

# The order of blocks: a header behind a blank line, and the same name each time;
# nothing of a step behind its closing line; all of them closed.
blocks() {
    awk '
        function bad(why) { print "line " NR ": " why ": " $0; wrong = 1; exit }
        /^------$/ || /^ERROR: / || /^ [0-9]+ warnings? found/ { over = 1 }
        over { next }
        /^$/ { if (now) bad("a blank line inside of a block"); blank = 1; next }
        !/^#[0-9]+ / { bad("no number") }
        {
            n = substr($1, 2) + 0
            text = substr($0, length($1) + 2)
            if (n != now) {
                if (now) bad("no switch line")
                if (!blank && NR > 1) bad("no blank line")
                if (n in closed) bad("closed already")
                if (!(n in name)) { if (n != ++count) bad("a number left out"); name[n] = text }
                else if (name[n] != text) bad("another name")
                now = n
                blank = 0
                next
            }
            if (text == "...") now = 0
            else if (text ~ /^(DONE [0-9]+\.[0-9]s|CACHED|CANCELED|ERROR: .*)$/) { closed[n] = 1; now = 0 }
        }
        END {
            for (n in name) if (!wrong && !(n in closed)) { print "#" n " is not closed"; wrong = 1 }
            if (!count) { print "no blocks"; wrong = 1 }
            exit wrong
        }' "$work/err" >"$work/complaint" || { cat "$work/complaint" "$work/err" >&2; fail "blocks"; }
}

# ---- the form of a block -----------------------------------------------------------

dockerfile <<'END'
FROM base
ENV LANG=C
WORKDIR /work
RUN --mount=type=secret,id=mysecret cat /run/secrets/mysecret
RUN echo one; echo two; exit 3
END
echo WARMACHINEROX >mysecret.txt
run 1 build --progress=quiet --secret id=mysecret,src=mysecret.txt # the base is there now
for cut in 0 1; do # 0 says that long names are to be cut
    run 1 env PROGRESS_NO_TRUNC=$cut "$abs_top_builddir/tenon-dev" --root "$store" build --progress=plain -o type=cacheonly \
        --build-context "base=oci-layout://$bases/busybox" --secret id=mysecret,src=mysecret.txt "$work/context"
    whole=$(grep -cE '^#[0-9]+ \[context base\] load metadata .*@sha256:[0-9a-f]{64}$' "$work/err") || [ $cut = 0 ] ||
        fail "PROGRESS_NO_TRUNC=$cut: no whole name"
    assert_eq $cut "$whole"
done
run 1 build --progress=plain --no-cache --secret id=mysecret,src=mysecret.txt
blocks
same <<'END'
#1 [internal] load build definition from Dockerfile
#1       digest: sha256:HEX
#1         name: "[internal] load build definition from Dockerfile"
#1      started: TIME
#1 transferring dockerfile: SIZE done
#1    completed: TIME
#1     duration: TIME
#1 DONE T.Ts

#2 [internal] load .dockerignore
#2       digest: sha256:HEX
#2         name: "[internal] load .dockerignore"
#2      started: TIME
#2 transferring context: SIZE done
#2    completed: TIME
#2     duration: TIME
#2 DONE T.Ts

#3 [context base] load metadata for docker.io/library/base@sha256:HEX
#3       digest: sha256:HEX
#3         name: "[context base] load metadata for docker.io/library/base@sha256:HEX"
#3      started: TIME
#3    completed: TIME
#3     duration: TIME
#3 DONE T.Ts

#4 [context base] OCI load from client
#4       digest: sha256:HEX
#4         name: "[context base] OCI load from client"
#4      started: TIME
#4    completed: TIME
#4     duration: TIME
#4 CACHED

#5 [1/4] WORKDIR /work
#5       digest: sha256:HEX
#5         name: "[1/4] WORKDIR /work"
#5      started: TIME
#5    completed: TIME
#5     duration: TIME
#5 CACHED

#6 [2/4] RUN --mount=type=secret,id=mysecret cat /run/secrets/mysecret
#6       digest: sha256:HEX
#6         name: "[2/4] RUN --mount=type=secret,id=mysecret cat /run/secrets/mysecret"
#6      started: TIME
#6 S.SSS WARMACHINEROX
#6    completed: TIME
#6     duration: TIME
#6 DONE T.Ts

#7 [3/4] RUN echo one; echo two; exit 3
#7       digest: sha256:HEX
#7         name: "[3/4] RUN echo one; echo two; exit 3"
#7      started: TIME
#7 S.SSS one
#7 S.SSS two
#7    completed: TIME
#7     duration: TIME
#7 ERROR: process "/bin/sh -c echo one; echo two; exit 3" did not complete successfully: exit code: 3
------
 > [3/4] RUN echo one; echo two; exit 3:
S.SSS one
S.SSS two
------
Dockerfile:5
--------------------
   3 |     WORKDIR /work
   4 |     RUN --mount=type=secret,id=mysecret cat /run/secrets/mysecret
   5 | >>> RUN echo one; echo two; exit 3
--------------------
ERROR: failed to build: failed to solve: process "/bin/sh -c echo one; echo two; exit 3" did not complete successfully: exit code: 3
hint: tenon shell enters the failed step
hint: the step's whole output is in STORE/logs/BUILD/STEP
END
log=$(sed -n 's/^hint: .*whole output is in //p' "$work/err")
assert_eq "one two" "$(echo $(cat "$log"))"

# Short, by the flag, the environment, the configuration file; the nearer one wins.
sed -i '$d' "$work/context/Dockerfile"
for i in $(seq 12); do echo "WORKDIR /work/$i"; done >>"$work/context/Dockerfile"
build --progress=quiet --secret id=mysecret,src=mysecret.txt >/dev/null 2>&1 || fail "no second build"
{
    for n in $(seq 3 14); do printf '\n#%d [%2d/15] WORKDIR /work/%d\n#%d CACHED\n' $((n + 4)) "$n" $((n - 2)) $((n + 4)); done
} >rest
{
    cat <<'END'
#1 [internal] load build definition from Dockerfile
#1 transferring dockerfile: SIZE done
#1 DONE T.Ts

#2 [internal] load .dockerignore
#2 transferring context: SIZE done
#2 DONE T.Ts

#3 [context base] load metadata for docker.io/library/base@sha256:HEX
#3 DONE T.Ts

#4 [context base] OCI load from client
#4 CACHED

#5 [ 1/15] WORKDIR /work
#5 CACHED

#6 [ 2/15] RUN --mount=type=secret,id=mysecret cat /run/secrets/mysecret
#6 CACHED
END
    cat rest
} >short
run 0 build --progress=plain,detail=short
same <short
run 0 env BUILDKIT_PROGRESS=plain,detail=short "$abs_top_builddir/tenon-dev" --root "$store" build \
    --build-context "base=oci-layout://$bases/busybox" -o type=cacheonly "$work/context"
same <short
echo '{"progress": "plain,detail=short"}' >"$TENON_CONFIG"
run 0 build
same <short
export BUILDKIT_PROGRESS=rawjson
run 0 build
jq -e . "$work/err" >/dev/null || fail "the environment does not win over the file"
run 0 build --progress=plain,detail=short
same <short
unset BUILDKIT_PROGRESS
echo '{}' >"$TENON_CONFIG"

# Long names are whole unless they shall not be.
long=$(printf '%0100d' 0)
printf 'FROM base\nRUN : %s\n' "$long" | dockerfile
run 0 build --progress=plain
assert_has "$work/err" "[1/2] RUN : $long"
run 0 env PROGRESS_NO_TRUNC=0 "$abs_top_builddir/tenon-dev" --root "$store" build --progress=plain,detail=short \
    --build-context "base=oci-layout://$bases/busybox" -o type=cacheonly "$work/context"
grep -qE '^#[0-9]+ \[1/2\] RUN : 0{60}\.\.\.$' "$work/err" || { cat "$work/err"; fail "not cut"; }

# ---- none of it ------------------------------------------------------------------------

run 0 build --quiet
[ ! -s "$work/err" ] || fail "--quiet talks"
for mode in quiet none; do
    run 0 build --progress=$mode
    [ ! -s "$work/err" ] || fail "--progress=$mode talks"
done
run 2 build --progress=nothing
assert_has "$work/err" 'unknown progress display "nothing"'
run 2 build --progress=plain,detail=long
assert_has "$work/err" 'invalid value "long" for detail'
# Nobody reads: the build goes on.
build --progress=plain --no-cache --iidfile "$work/iid" 2>&1 | head -n 1 >/dev/null
run 0 build --progress=plain,detail=short
assert_has "$work/err" "RUN : $long"

# ---- steps side by side ---------------------------------------------------------------

dockerfile <<'END'
FROM base AS one
RUN --mount=type=cache,target=/meet touch /meet/one; n=0; until [ -e /meet/two ] || [ $n = 1200 ]; do n=$((n + 1)); sleep 0.05; done; \
    for i in $(seq 32); do echo "one $i"; sleep 0.2; done
FROM base AS two
RUN --mount=type=cache,target=/meet touch /meet/two; n=0; until [ -e /meet/one ] || [ $n = 1200 ]; do n=$((n + 1)); sleep 0.05; done; \
    for i in $(seq 32); do echo "two $i"; sleep 0.2; done
FROM base
COPY --from=one /etc/passwd /one
COPY --from=two /etc/passwd /two
END
run 0 build --progress=plain
blocks
grep -q '^#[0-9]* \.\.\.$' "$work/err" || fail "the screen was not shared"
for s in one two; do
    assert_eq "$(seq -f "$s %g" 32)" "$(sed -nE "s/^#[0-9]+ [0-9.]+ ($s [0-9]+)$/\1/p" "$work/err")"
done

dockerfile <<'END'
FROM base AS one
RUN --mount=type=cache,target=/meet touch /meet/begun; exec sleep 1111
FROM base AS two
RUN --mount=type=cache,target=/meet n=0; until [ -e /meet/begun ] || [ $n = 1200 ]; do n=$((n + 1)); sleep 0.05; done; exit 4
FROM base
COPY --from=one /etc/passwd /one
COPY --from=two /etc/passwd /two
END
run 1 build --progress=plain,detail=short
blocks
one=$(sed -nE 's/^(#[0-9]+) \[one 1.*/\1/p' "$work/err" | head -n 1)
two=$(sed -nE 's/^(#[0-9]+) \[two 1.*/\1/p' "$work/err" | head -n 1)
assert_has "$work/err" "$one CANCELED"
assert_has "$work/err" "$two ERROR: process"

# ---- what a step may print --------------------------------------------------------------

python3 - "$work/context" <<'END'
import random, sys
random.seed(7)
open(sys.argv[1] + "/noise", "wb").write(random.randbytes(300000) + b"\0" * 200000 + b"x" * 300000)
open(sys.argv[1] + "/text", "wb").write(
    b"10%\r20%\r30%\n\033]0;title\007\033[31mred\033[0m\033[2J\nnul\0nul\nb\bs\nbad\377\xc2\x9b31mutf8\ngr\xc3\xbcn\r\nlast")
open(sys.argv[1] + "/Dockerfile", "wb").write(
    b'FROM base\nRUN --mount=type=bind,target=/c cat /c/text # \033[2J\377\n'
    b'RUN --mount=type=bind,target=/c cat /c/noise\nRUN --mount=type=bind,target=/c cat /c/text; exit 1 # \033[2J\n')
END
run 1 build --progress=plain,detail=short
blocks
assert_eq 0 "$(tr -d '\n\t\40-\176\200-\377' <"$work/err" | wc -c)"
iconv -f UTF-8 -t UTF-8 "$work/err" >/dev/null || fail "no UTF-8"
n=$(sed -nE 's/^#([0-9]+) \[1\/.*/\1/p' "$work/err")
printf '30%%\nred\nnulnul\nbs\nbad???31mutf8\ngr\303\274n\nlast\n' >wanted
sed -nE "s/^#$n [0-9]+\.[0-9]{3} //p" "$work/err" | diff -u wanted - >diff || { cat diff; fail "another text"; }

# As JSON: what was printed comes out to the byte.
run 1 build --progress=rawjson --no-cache
grep -v '^ERROR: \|^hint: ' "$work/err" >events
[ "$(grep -v '^{\|^hint: ' "$work/err" | cut -c 1-7)" = "ERROR: " ] || fail "no error line"
jq -e . events >/dev/null || fail "no JSON"
python3 - events context <<'END' || fail "rawjson"
import base64, json, sys
steps, logs, state, planned = {}, {}, {}, 0
for line in open(sys.argv[1], encoding="utf-8"):
    event = json.loads(line)
    assert set(event) <= {"vertexes", "statuses", "logs", "warnings"} and len(event) == 1, event
    for v in event.get("vertexes", []):
        if "started" not in v:
            assert v["digest"] not in state and "completed" not in v
            planned += 1
        assert "completed" not in v or v["completed"] >= v["started"]
        state[v["digest"]] = v
    for s in event.get("statuses", []):
        assert s["vertex"] in state and s["id"] and "timestamp" in s and "started" in s
    for l in event.get("logs", []):
        assert state[l["vertex"]]["started"] <= l["timestamp"] and l["stream"] in (1, 2)
        logs[l["vertex"]] = logs.get(l["vertex"], b"") + base64.b64decode(l["data"], validate=True)
assert planned
text, noise = (open(sys.argv[2] + "/" + n, "rb").read() for n in ("text", "noise"))
seen = [logs[d] for d, v in state.items() if "RUN" in v["name"]]
assert seen == [text, noise, text], [len(s) for s in seen]
assert [v.get("error", "")[:7] for v in state.values() if "exit 1" in v["name"]] == ["process"]
END

# Quiet, too, an error is safe to look at.
printf 'FROM base\nNO\033[2JT x\n' | dockerfile
for mode in quiet plain rawjson; do
    run 1 build --progress=$mode
    assert_has "$work/err" "unknown instruction: NO"
    assert_eq 0 "$(tr -d '\n\t\40-\176\200-\377' <"$work/err" | wc -c)"
done

# ---- both streams ----------------------------------------------------------------------------

# In the order in which they were written where the display has them as one; where each
# has its number, each in its own order.
dockerfile <<'D'
FROM base
RUN i=0; while [ $i -lt 3000 ]; do echo "out $i"; echo "err $i" >&2; i=$((i + 1)); done; exit 3
D
for i in $(seq 0 2999); do printf 'out %d\nerr %d\n' "$i" "$i"; done >"$work/both"
run 1 build --progress=plain
sed -n 's/^#[0-9]* [0-9.]* \(\(out\|err\) [0-9]*\)$/\1/p' "$work/err" >"$work/got"
cmp "$work/both" "$work/got" || fail "plain: another order"
cmp "$work/both" "$(sed -n 's/^hint: .*whole output is in //p' "$work/err")" || fail "another order in the log"
for mode in none quiet; do
    run 1 build --progress=$mode
    cmp "$work/both" "$(sed -n 's/^hint: .*whole output is in //p' "$work/err")" || fail "$mode: another order in the log"
done
run 1 build --progress=rawjson
grep '^{' "$work/err" >"$work/json" # the error itself is text
for stream in 1 2; do
    jq -r --argjson s $stream '.logs // [] | .[] | select(.stream == $s) | .data' "$work/json" |
        while read -r data; do echo "$data" | base64 -d; done >"$work/got"
    sed -n "$stream~2p" "$work/both" | cmp - "$work/got" || fail "rawjson: stream $stream is another"
done

# ---- much of it ----------------------------------------------------------------------------

# Two at once, 50 MB each, of which one has the screen: all of it comes, and it takes
# little memory (most of what is measured are the libraries).
printf 'FROM base AS one\nRUN yes %s | head -c 50000000\nFROM base AS two\nRUN yes %s | head -c 50000000; exit 1
FROM base\nCOPY --from=one /etc/passwd /one\nCOPY --from=two /etc/passwd /two\n' \
    "$(printf '%099d' 1)" "$(printf '%099d' 2)" | dockerfile
for mode in plain rawjson; do
    # The scheduling is what it is: the failing one may end the other early.
    python3 - "$mode" "$abs_top_builddir/tenon-dev" --root "$store" build --no-cache --progress=$mode \
        --build-context "base=oci-layout://$bases/busybox" -o type=cacheonly context <<'END' || fail "much of it, $mode"
import collections, resource, subprocess, sys

lines = 0
with subprocess.Popen(sys.argv[2:], stderr=subprocess.PIPE, stdin=subprocess.DEVNULL) as p:
    tail = collections.deque(maxlen=30)
    for line in p.stderr:
        lines += line.endswith(b"0002\n")
        tail.append(line)
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(sys.argv[1], lines, "lines,", peak, "kB")
assert p.returncode == 1, tail
assert sys.argv[1] != "plain" or lines == 500000 + 10 # and the recap's
assert peak < 64 << 10, peak
END
done
