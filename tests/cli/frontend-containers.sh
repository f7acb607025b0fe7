#!/bin/sh
# Containers of a frontend in an image: mounts made of references, several processes in one, their
# streams, signals, terminals and ends; files of a container; what is not granted. With each executor.
. "$(dirname "$0")/lib.sh"
need busybox python3
. "$(dirname "$0")/frontend-lib.sh"
make_front
mkdir -p "$work/context/part" "$work/secret"

cd "$work/context"
cp "$(command -v busybox)" busybox
echo hello >part/hello
echo "someone:x:1234:1235::/home/someone:/bin/sh" >passwd
printf '# syntax=%s\n' "$image" >Dockerfile
cat >Real.Dockerfile <<'END'
FROM scratch
COPY busybox /bin/busybox
COPY busybox /bin/sh
COPY passwd /etc/passwd
COPY part /part
END
cat >Broken.Dockerfile <<'END'
FROM scratch AS other
COPY part /part
FROM scratch
COPY busybox /bin/busybox
COPY busybox /bin/sh
RUN --mount=type=bind,from=other,target=/m,rw --mount=type=tmpfs,target=/t echo root >/left; echo also >/m/left; exit 7
END
cat >Actions.Dockerfile <<'END'
FROM scratch
COPY part /d/passwd/
COPY busybox passwd /d/
END
cat >Content.Dockerfile <<'END'
FROM scratch AS other
COPY part /part
FROM scratch
COPY busybox /bin/sh
RUN --mount=type=bind,from=other,source=/none,target=/m true
END
echo very secret >"$work/secret/s"
mkdir "$work/cdi"
cat >"$work/cdi/vendor.json" <<'END'
{"cdiVersion": "0.6.0", "kind": "vendor.com/dev", "devices": [
  {"name": "a", "containerEdits": {"env": ["DEVICE=a"], "additionalGids": [4711],
    "deviceNodes": [{"path": "/dev/sink", "hostPath": "/dev/null"}]}}]}
END

first="solve:Real.Dockerfile "
also="--secret id=s,src=$work/secret/s"

nap=$((1000000 + $$)) # seconds, which nobody else sleeps

# Nothing runs and nothing is mounted any more.
nothing_left() {
    ! grep -F "$store" /proc/self/mounts || fail "mounts are left"
    ! pgrep -f "busybox sleep $nap" >/dev/null || fail "processes are left"
}

all() {
    echo "-- $executor: one process"
    does 0 "container:a env:A=b~c cwd:/part run:a,/bin/busybox,sh,-c,echo~\$A;pwd;cat~hello;id~-u;echo~oops>&2 return"
    said "p 1: b c"
    said "p 1: /part"
    said "p 1: hello"
    said "p 1: 0"
    said "p 2: oops"
    said "p exit 0:"
    never_said "p: out of order"
    does 0 "container:a run:a,/bin/busybox,sh,-c,exit~3 user:someone container:b run:b,/bin/busybox,sh,-c,id~-u;id~-g;echo~\$HOME return"
    said "p exit 3: exit code: 3 (1 details)"
    said "p 1: 1234"
    said "p 1: 1235"
    said "p 1: /home/someone"
    does 0 "container:a run:a,/none user:nobody container:b run:b,/bin/busybox,true return"
    grep -q "frontend: p exit [1-9]" "$work/err" || fail "a program that is not there"
    said "p exit 255: "

    echo "-- $executor: mounts, names of hosts, networks"
    does 0 "mount:bind,/m,part readonly mount:scratch,/s mount:cache,/c,$executor mount:secret,/sec,s mount:tmpfs,/t \
host:there=10.1.2.3 hostname:mine net:2 container:a \
secretenv:s=SECRET run:a,/bin/busybox,sh,-c,cat~/m/hello;cat~/sec;echo~\$SECRET|busybox~tr~a-z~A-Z;\
busybox~touch~/s/x~/c/x~/t/x~/x&&echo~written;busybox~touch~/m/x||echo~read-only;\
busybox~grep~there~/etc/hosts;busybox~hostname;busybox~ls~/sys/class/net return"
    said "p 1: hello"
    said "p 1: very secret"
    said "p 1: VERY SECRET"
    said "p 1: written"
    said "p 1: read-only"
    said "p 1: 10.1.2.3"
    said "p 1: mine"
    said "p 1: lo"
    assert_eq 1 "$(grep -c "frontend: p 1: lo\$" "$work/err")"
    does 0 "mount:cache,/c,$executor container:a run:a,/bin/busybox,ls,/c,/x container:b return"
    said "p 1: x" # the cache's; and nothing of the root stays
    said "p 2: ls: /x: No such file or directory"

    does 0 "mount:bind,/ readonly container:a cwd:/made/here run:a,/bin/busybox,sh,-c,pwd;busybox~touch~/x||echo~read-only return"
    said "p 1: /made/here"
    said "p 1: read-only"

    echo "-- $executor: several processes are in one"
    does 0 "container:a begin:one,a,/bin/busybox,sh,-c,echo~of~one>/x;echo~ready;read~l;echo~heard~\$l \
hear:one=ready begin:two,a,/bin/busybox,sh,-c,cat~/x;busybox~ps;busybox~ls~/proc/1/root/part run:a,/bin/busybox,cat,/x \
await:two write:one=a~word await:one return"
    said "two 1: of one"
    said "two 1: hello"
    said "p 1: of one"
    grep -Eq "frontend: two 1: +1 .*/bin/busybox sh" "$work/err" || fail "two does not see one"
    said "one 1: heard a word"
    said "one exit 0:"
    # The others end with the first; afterwards there is nothing to join.
    does 0 "container:a begin:one,a,/bin/busybox,sh,-c,read~l begin:two,a,/bin/busybox,sh,-c,echo~ready;busybox~sleep~$nap \
hear:two=ready close:one await:one await:two run:a,/bin/busybox,true return"
    said "two exit 137: exit code: 137"
    said "p exit 255: the container's first process has ended"
    # Before its program runs, one that joins is tenon: what tenon was told is not to be seen then.
    joins=$(printf 'run:a,/bin/busybox,true %.0s' 1 2 3 4 5 6 7 8 9 10)
    does 0 "container:a begin:one,a,/bin/busybox,sh,-c,busybox~touch~/go;echo~ready;\
while~[~-e~/go~];do~busybox~grep~-l~[b]uild-arg~/proc/[0-9]*/cmdline~2>/dev/null;done;echo~looked hear:one=ready \
${joins}run:a,/bin/busybox,rm,/go await:one return"
    said "one 1: looked"
    never_said "one 1: /proc"
    # One of the others ends alone.
    does 0 "container:a begin:one,a,/bin/busybox,sh,-c,read~l begin:two,a,/bin/busybox,sh,-c,echo~ready;busybox~sleep~$nap \
hear:two=ready kill:two=KILL await:two write:one=x await:one return"
    said "two exit 137: exit code: 137"
    said "one exit 0:"

    echo "-- $executor: streams and signals"
    head -c 3000000 /dev/zero | tr '\0' x >big
    printf 'FROM scratch\nCOPY busybox big /bin/\n' >Big.Dockerfile
    does 0 "solve:Big.Dockerfile container:a run:a,/bin/busybox,cat,/bin/big begin:c,a,/bin/busybox,cat return"
    said "p 1: 3000000 bytes"
    does 0 "container:a begin:c,a,/bin/busybox,cat write:c=one write:c=two close:c await:c return"
    said "c 1: one"
    said "c 1: two"
    does 0 "container:a begin:t,a,/bin/busybox,sh,-c,trap~'echo~caught;exit~4'~USR1;echo~ready;while~:;do~busybox~sleep~0.1;done \
hear:t=ready kill:t=USR1 await:t return"
    said "t 1: caught"
    said "t exit 4:"
    does 0 "container:a begin:t,a,/bin/busybox,sh,-c,echo~ready;busybox~sleep~$nap hear:t=ready kill:t=NONE end return"
    said "ExecProcess: unknown: no signal is called \"NONE\""

    echo "-- $executor: a terminal"
    does 0 "container:a tty begin:t,a,/bin/busybox,sh,-c,trap~'busybox~stty~size'~WINCH;[~-t~0~]&&[~-t~2~]&&echo~terminal;until~read~-t~1~l;do~:;done \
hear:t=terminal resize:t=33x99 hear:t=33~99 write:t=x await:t return"
    said "t said 33 99"
    said "t exit 0:"

    does 0 "container:a begin:one,a,/bin/busybox,sh,-c,echo~ready;read~l hear:one=ready tty \
begin:t,a,/bin/busybox,sh,-c,[~-t~0~]&&[~-t~2~]&&echo~terminal;\
i=0;until~[~\"\$(busybox~stty~size)\"~=~'33~99'~]||[~\$i~=~300~];do~i=\$((i+1));echo~again;busybox~sleep~0.1;done;busybox~stty~size;read~-t~60~l \
hear:t=terminal fit:t=33x99 write:t=y await:t write:one=x await:one return"
    said "t said terminal" # of one that joins, too
    # runc has a terminal of its own between: it forgets a size that comes too early, and may lose
    # what is written last.
    said "t said 33 99"
    said "t exit 0:"

    echo "-- $executor: its ids are no others' on this machine"
    does 0 "mount:scratch,/s container:a begin:one,a,/bin/busybox,sh,-c,busybox~cat~/proc/self/uid_map;busybox~touch~/s/f;busybox~chown~1234:5~/s/f;echo~ready;read~l \
hear:one=ready run:a,/bin/busybox,sh,-c,busybox~cat~/proc/self/uid_map;busybox~ls~-ln~/s;busybox~touch~/s/g cstat:a,0,f cstat:a,0,g write:one=x await:one return"
    said "f there: 0 bytes, of 1234:5"
    said "g there: 0 bytes, of 0:0"
    grep -q "frontend: p 1: .* 1234 *5 .* f" "$work/err" || fail "who joins sees other owners"
    ids=$(sed -n 's/.*frontend: one 1: *1 *\([0-9]*\) .*/\1/p' "$work/err")
    if tenon doctor --format json 2>/dev/null | grep -q '"ids of steps","result":"ok"'; then
        [ "${ids:-1}" -gt 1 ] || fail "users of a container are users of the machine"
        grep -Eq "frontend: p 1: +1 +$ids " "$work/err" || fail "who joins has other ids"
    else
        not_tried "ids of a container: steps have the machine's here"
    fi

    echo "-- $executor: files of it"
    does 0 "mount:bind,/m,part mount:scratch,/s container:a begin:one,a,/bin/busybox,sh,-c,echo~fresh>/s/f;ln~-s~/etc/passwd~/s/out;echo~ready;read~l \
hear:one=ready cread:a,1,/f cdir:a,0,/ cstat:a,0,hello cread:a,1,/out cread:a,2,/etc/passwd cread:a,3,/x cread:b,0,/x write:one=x await:one return"
    said "/f there: fresh"
    said "hello in /"
    said "hello there: 6 bytes"
    said "/etc/passwd there: someone"
    said "ReadFileContainer: not found: read /out" # its own root is the limit
    said "ReadFileContainer: unknown: container \"a\" has no mount 3"
    said "ReadFileContainer: not found: container \"b\" was released, or never made"

    echo "-- $executor: a step that failed"
    does 0 "solve:Broken.Dockerfile evaluate failed:0 read:/left container:a run:a,/bin/busybox,cat,/left \
had:0 read:/left dir:/bin failed:1 mount:bind,/m read:/left read:/part/hello had:1 read:/left failed:2 failed:3 solve:Real.Dockerfile return"
    said "Evaluate: unknown: process "
    assert_eq 1 "$(grep -c "frontend: /left has 5 bytes: root" "$work/err")"
    said "p 1: root"
    said "/left has 5 bytes: also"
    said "/part/hello has 6 bytes: hello"
    assert_eq 2 "$(grep -c "frontend: ReadFile: not found: read /left" "$work/err")" # before it ran
    said "mountIDs of the failed step: nothing" # of a tmpfs

    echo "-- $executor: what failed, in BuildKit's words"
    does 0 "solve:Broken.Dockerfile evaluate blame solve:Actions.Dockerfile evaluate blame \
failed:1 read:/d/passwd/hello stat:/d/busybox failed:0 had:0 read:/d/passwd/hello stat:/d/busybox \
solve:Content.Dockerfile evaluate blame had:0 read:/part/hello solve:Real.Dockerfile return"
    sed -n 's/.*frontend: failed: //p' "$work/err" >"$work/failed"
    assert_eq 3 "$(wc -l <"$work/failed")"
    jq -es '(.[0].op.exec.meta.args[-1] | startswith("echo root")) and .[0].op.exec.mounts[2].mountType == "TMPFS"
        and (.[0] | has("file") or has("cache") | not) and (.[0].inputIDs | length) == 3
        and (.[0].description["com.docker.dockerfile.v1.command"] | startswith("RUN"))
        and .[1].file.index == "1" and (.[1].op.file.actions | length) == 2 and .[1].op.file.actions[1].copy.timestamp == "-1"
        and (.[1].inputIDs | length) == 2 and .[1].mountIDs[0] == "" and (.[1].mountIDs | length) == 2
        and .[2].cache.index == "1" and (.[2].inputIDs | length) == 1 and (.[2] | has("mountIDs") | not)' \
        "$work/failed" >/dev/null || fail "$(cat "$work/failed")"
    assert_eq 3 "$(grep -c "hello has 6 bytes: hello" "$work/err")"
    assert_eq 1 "$(grep -c "frontend: busybox: mode" "$work/err")" # what the action before had made
    said "StatFile: not found: /d/busybox"
    said "mountIDs of the failed step: nothing" # of an action that did not fail
    nothing_left

    echo "-- $executor: devices"
    does 0 "device:vendor.com/dev=a container:a run:a,/bin/busybox,true return"
    said "NewContainer: permission denied: device vendor.com/dev=a is requested by the build but not allowed"
    does 0 "device:vendor.com/dev=a container:a \
begin:one,a,/bin/busybox,sh,-c,echo~x>/dev/sink&&busybox~test~-c~/dev/sink&&echo~\$DEVICE;busybox~id~-G;echo~ready;read~l hear:one=ready \
run:a,/bin/busybox,sh,-c,echo~x>/dev/sink&&busybox~test~-c~/dev/sink&&echo~\$DEVICE;busybox~id~-G write:one=x await:one return" \
        --allow device=vendor.com/dev=a
    for of in one p; do
        said "$of 1: a"
        grep -Eq "frontend: $of 1: .*4711" "$work/err" || fail "no group of the device"
    done

    echo "-- $executor: what is not granted"
    does 0 "net:1 container:h container:a insecure run:a,/bin/busybox,true return"
    said "NewContainer: permission denied: network.host is not allowed"
    said "p exit 255: security.insecure is not allowed"
    does 0 "net:1 container:h run:h,/bin/busybox,true container:a insecure run:a,/bin/busybox,grep,CapEff,/proc/self/status return" \
        --allow network.host --allow security.insecure
    assert_eq 2 "$(grep -c "frontend: p exit 0:" "$work/err")"
    does 0 "container:a begin:one,a,/bin/busybox,sh,-c,read~l run:a,/bin/busybox,grep,CapEff,/proc/self/status write:one=x await:one return"
    grep -Eq "frontend: p 1: CapEff:.00000000a80[0-9a-f]{5}\$" "$work/err" || fail "other capabilities"

    echo "-- $executor: wrong words"
    does 0 "mount:forged,/m container:a mount:bind,/m,../../etc container:b container:b container:b mount:scratch,../../../m container:c \
run:c,/bin/busybox,ls,-d,/m run:none,/bin/busybox,true return"
    said 'NewContainer: not found: no such reference: "ref-999"'
    said 'NewContainer: unknown: container "b" is there already'
    said "p 1: /m"
    said 'ExecProcess: not found: container "none" was released, or never made'

    echo "-- $executor: the end"
    does 0 "container:z run:z,/bin/busybox,true release:z container:a begin:s,a,/bin/busybox,sleep,$nap release:a await:s \
release:a run:a,/bin/busybox,true return"
    said "released z"
    said "ReleaseContainer: cancelled: context canceled"
    said "s exit 255: context canceled"
    said "ReleaseContainer: not found"
    nothing_left
    does 0 "container:a begin:s,a,/bin/busybox,sleep,$nap hangup begin:t,a,/bin/busybox,true return"
    nothing_left
    does 0 "container:a begin:s,a,/bin/busybox,sleep,$nap container:b return" # nobody released them
    nothing_left
    does 1 "container:a begin:s,a,/bin/busybox,sleep,$nap exit:3"
    nothing_left
}

find_executors
for executor in $executors; do
    printf '{"executor": "%s", "cdi-dirs": ["%s"]}\n' "$executor" "$work/cdi" >"$TENON_CONFIG"
    all
done

echo "-- a call that is given up stops what it asked for, and nothing else"
printf 'FROM scratch\nCOPY busybox /bin/sh\nCOPY busybox /bin/busybox\nRUN busybox sleep %s\n' "$nap" >Slow.Dockerfile
does 0 "solve:Slow.Dockerfile deadline:3000 evaluate deadline:0 solve:Real.Dockerfile evaluate return"
said "Evaluate: deadline exceeded"
said "evaluated"
nothing_left
# Its name stays taken until the call has ended here, too, which the program does not see.
does 0 "solve:Slow.Dockerfile deadline:3000 container:a deadline:0 solve:Real.Dockerfile container:b run:b,/bin/busybox,true return"
said "NewContainer: deadline exceeded"
said "p exit 0:"
nothing_left

echo "-- a definition of its own that asks for more than was granted (CVE-2024-23653)"
definition() { # SECURITY NETWORK: /bin/sh -c true upon nothing, as hexadecimal digits
    python3 - "$@" <<'END'
import hashlib, sys
def field(n, b): return bytes([n << 3 | 2, len(b)]) + b
def number(n, v): return bytes([n << 3]) + v if v != b"\0" else b""
minus = b"\xff" * 9 + b"\1"
meta = field(1, field(1, b"/bin/true") + field(3, b"/"))
mount = field(2, number(1, minus) + field(3, b"/"))
op = field(2, meta + mount + number(3, bytes([int(sys.argv[2])])) + number(4, bytes([int(sys.argv[1])])))
end = field(1, field(1, b"sha256:" + hashlib.sha256(op).hexdigest().encode()))
print((field(1, op) + field(1, end)).hex())
END
}
does 0 "raw:$(definition 1 0) raw:$(definition 0 1) raw:$(definition 0 0) solve:Real.Dockerfile return"
said "Solve: permission denied: security.insecure is not allowed"
said "Solve: permission denied: network.host is not allowed"
said "Solve: unknown: process \"/bin/true\"" # which is granted, and not there
never_said "Solve: unknown: load"

echo "-- without end"
does 0 "vast solve:Real.Dockerfile return"
said "Solve: resource exhausted: load definition: "
does 0 "shout solve:Real.Dockerfile return"
assert_has "$work/err" "has said more than 4194304 bytes; the rest is not shown"
[ "$(wc -c <"$work/err")" -lt 10000000 ] || fail "all of it was shown"
does 0 "crowd return"
said "NewContainer: resource exhausted: more than 100 containers at a time"
nothing_left
does 0 "container:a herd:a return"
said "ExecProcess: resource exhausted: more than 100 processes at a time"
nothing_left
