#!/bin/sh
# Numbers that steps have on the machine are theirs alone; in layers, caches and outputs, and for
# the steps themselves, each is what it would be without: owners, file capabilities, access lists,
# programs that run as their owner, nodes, mounts of every kind.
. "$(dirname "$0")/lib.sh"
roots_alone="the ids of its steps are those of its ranges"
echo "of the file" >"$work/secret"
mkdir "$context/tree"
echo mine >"$context/tree/file"
export SOURCE_DATE_EPOCH=1700000000

cat >"$context/try" <<'END'
own() { stat -c '%n %F %u:%g %a' "$@"; }
own / /etc /etc/passwd /etc/hosts /etc/resolv.conf /tmp /dev /dev/null /dev/shm /dev/mqueue /dev/pts /dev/ptmx /dev/tty
own /made/by /run/secrets/s /c /c/here /t /s /s/file /b /b/file /e
mkdir /d && chown 1000:2000 /d && touch /d/f /c/new /t/f && chown 7:8 /d/f /c/new /t/f && chmod 4755 /d/f
own /d /d/f /c/new /t/f
chown 2147352575:2147352575 /d/f && own /d/f
chown 4294967294:4294901760 /d/f && own /d/f
cp -a /b/file /d/copied && own /d/copied
/probe attributes /d/f
cp /probe /setuid && chown app /setuid && chmod 4755 /setuid
cp /probe /capable && /probe attributes /capable
mkdir -m 777 /open
/probe terminal of-root
mknod /d/node b 7 1 && own /d/node
rm -r /home/app /etc/group && ln /etc/passwd /passwd && own /passwd
busybox su app -c 'touch /open/of-app; id -u; rm /open/of-root 2>&1; touch /d/no 2>&1; touch /open/mine; /capable capable /open/mine'
own /open/of-app /open/mine
END
cat >"$context/as-user" <<'END'
id
/probe terminal of-user
touch /open/user && stat -c '%n %u:%g' /open/user /made/by .
cat /run/secrets/u && stat -c '%n %u:%g' /run/secrets/u
echo again >/dev/stdout
[ ! -e /setuid ] || /setuid write /etc/passwd
ls /proc/1/root/ >/dev/null && echo its own root
END
dockerfile <<'END'
COPY try as-user /
COPY --chown=1000:2000 tree /made/tree
WORKDIR /made/by
RUN --mount=type=secret,id=s,uid=5,gid=6,mode=0440 --mount=type=cache,target=/c,uid=3,gid=4,id=one \
    --mount=type=tmpfs,target=/t --mount=type=bind,source=tree,target=/s --mount=type=bind,from=base,source=/etc,target=/e \
    --mount=type=bind,source=tree,target=/b,rw --mount=type=cache,id=two,target=/c/here,from=base,source=/home/app \
    sh /try
USER app
WORKDIR /made/by/app
RUN --mount=type=secret,id=u,uid=1000 sh /as-user
USER root
WORKDIR /gone
RUN cd / && rmdir /gone
USER app
RUN stat -c '%n %u:%g' /gone; tr -s ' ' </proc/self/uid_map | sed 's/^/map/'
END

# one_way CONFIGURATION: what the steps said and what came of them.
one_way() {
    printf '{"executor": "%s", "plugins": {"executor-%s": {%s}}}\n' $executor $executor "$1" >"$TENON_CONFIG"
    run 0 build "$store" --build-context "$base" -o type=oci,dest="$work/out.tar",rewrite-timestamp=true --no-cache \
        --secret "id=s,src=$work/secret" --secret "id=u,src=$work/secret" "$context"
    said | grep -v '^map' | sort >"$work/said.now"
    rm -rf "$work/image" && mkdir "$work/image"
    tar -xf "$work/out.tar" -C "$work/image" index.json
    "$python" -c 'import json, sys; print(json.load(open(sys.argv[1]))["manifests"][0]["digest"])' \
        "$work/image/index.json" >"$work/digest.now"
    find "$store/cache-mounts" -mindepth 3 -printf '%f %U:%G %m\n' | sort >"$work/caches.now"
}
same_as_before() { # WHAT; and the last step did not have to begin again with the machine's ids
    [ "$1" = '"id-base": 0' ] || assert_not_said "map 0 0 4294967295"
    for part in said digest caches; do
        diff "$work/$part.$executor" "$work/$part.now" >&2 || fail "$executor: $1: another $part"
    done
}
trial() {
    one_way '"user-namespace": false'
    for part in said digest caches; do
        cp "$work/$part.now" "$work/$part.$executor"
    done
    # The test looks at something.
    for line in "/d/f regular empty file 2147352575:2147352575 755" "capability: works" "access list: works" \
        "security.capability: 0100000201000000000000000000000000000000" "capable: works" "its own root" \
        "/run/secrets/s regular file 5:6 440" "/t/f regular empty file 7:8 644" "terminal of-root: 0:5 620" \
        "terminal of-user: 1000:5 620" "/gone 1000:1000"; do
        assert_said "$line"
    done
    assert_has "$work/caches.now" "new 7:8 644"
    for way in '' '"id-base": 0' '"id-base": 1000000000'; do
        one_way "$way"
        same_as_before "${way:-by default}"
    done
    [ $executor = oci ] || own_root
    out_of_range
}
# Root of the step is another than the machine's: then /proc and /sys belong to nobody, and nothing
# else changes.
own_root() {
    one_way '"own-root": true'
    same_as_before own-root
    cp "$context/Dockerfile" "$work/Dockerfile.kept"
    dockerfile <<'END'
RUN /probe port 877; chmod 444 /proc/zoneinfo 2>/dev/null || echo not its own; stat -c '%n is of %u' / /proc /sys /dev/pts; cat /proc/self/uid_map; n=0; while [ $n -lt 100 ] && ! /probe reach abstract:peer | grep done; do sleep 0.1; n=$((n + 1)); done
END
    "$python" - >"$work/peer" <<END &
import os, socket, struct
s = socket.socket(socket.AF_UNIX)
s.bind("\0peer$mark")
s.listen(5)
c = s.accept()[0]
print("peer %u" % struct.unpack("3I", c.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[1])
c.sendall(b"done\n")
END
    listening=$!
    remember $listening
    sed -i "s/abstract:peer/abstract:peer$mark/" "$context/Dockerfile"
    try 0 --no-cache
    wait $listening
    [ "$(cat /proc/sys/net/ipv4/ip_unprivileged_port_start 2>/dev/null || echo 1024)" -le 877 ] || assert_said "port 877: works"
    assert_said "/ is of 0"
    assert_said "/dev/pts is of 0"
    assert_said "/proc is of 65534"
    assert_said "not its own"
    assert_eq "peer 2013265920" "$(cat "$work/peer")"
    mv "$work/Dockerfile.kept" "$context/Dockerfile"
}
# Numbers that have no place are the machine's again, where they are said before the step begins.
out_of_range() {
    printf '{"executor": "%s"}\n' $executor >"$TENON_CONFIG"
    cp "$context/Dockerfile" "$work/Dockerfile.kept"
    dockerfile <<'END'
RUN --mount=type=secret,id=s,uid=3000000001 stat -c '%n of %u' /run/secrets/s; touch /f; chown 3000000002 /f && stat -c '%n of %u' /f
RUN cat /proc/self/uid_map | tr -s ' ' | sed 's/^/map/'; touch /g; chown 3000000002 /g 2>&1
USER 2147400000:2147400003
RUN id -u; id -g
USER root
RUN --mount=type=secret,id=s,uid=3000000001 mkdir -p /d/e; chown 3000000002 /d
RUN --mount=type=cache,target=/d/x stat -c '%n of %u' /d /d/x
RUN --mount=type=cache,target=/d/e/x stat -c '%n of %u' /d/e/x
WORKDIR /d/w
RUN stat -c '%n of %u' /d/w
END
    try 1 --no-cache --secret "id=s,src=$work/secret"
    assert_said "/run/secrets/s of 3000000001"
    assert_said "/f of 3000000002"
    assert_said "map 1 2013265921 2281570303"
    assert_said "chown: /g: Invalid argument"
    sed -i 's/ 2>&1$/ 2>\&1 || :/' "$context/Dockerfile"
    try 0 --no-cache --secret "id=s,src=$work/secret"
    assert_said 2147400000
    assert_said 2147400003
    for line in "/d of 3000000002" "/d/x of 0" "/d/e/x of 0" "/d/w of 0"; do
        assert_said "$line"
    done
    mv "$work/Dockerfile.kept" "$context/Dockerfile"
}
each_executor trial
