#!/bin/sh
# Device nodes that a step makes are made by tenon, for a step in a user namespace cannot: where
# the step says, below its root and nowhere else, as who asks, with its rights, mask and
# errors; and not for who has no right to.
. "$(dirname "$0")/lib.sh"
roots_alone="its steps make no nodes (tests/rootless/steps.sh)"

cat >"$context/try" <<'END'
node() { busybox mknod "$@" 2>&1 | sed "s/^mknod: //"; }
show() { stat -c "%n %F %u:%g %a %t:%T" "$@"; }
umask 027
mkdir /g && chgrp 7 /g && chmod 2755 /g && cd /g || exit 9
node here c 1 3; node ../above b 7 1; node /g/./full c 1 7
ln -s /g/late /link; node /link c 1 5
node here c 1 3; node none/x c 1 3; node here/x c 1 3; node "" c 1 3
node /proc/x c 1 3; node /sys/x c 1 3; node /etc/hosts/x c 1 3
node "$(printf %0300d 1)" c 1 3
cd / && show /g/here /above /g/full
[ ! -e /g/late ] || echo "made behind a link"
# Below another root, and what a link to above that is worth.
mkdir -p /jail/bin && cp /bin/busybox /jail/bin/ && ln -s ../../../../../escaped /jail/up
chroot /jail /bin/busybox mknod /inside c 1 8
chroot /jail /bin/busybox mknod /../../beside c 1 9
chroot /jail /bin/busybox mknod /up/x c 1 3 2>/dev/null
show /jail/inside /jail/beside
ls -d /inside /beside /escaped 2>/dev/null
# A directory that is gone, and one that was moved away under the caller.
mkdir /gone && cd /gone && rmdir /gone && node x c 1 3
mkdir -p /a/b && cd /a/b && mv /a/b /moved && node ../next c 1 3 && show /next; cd /
# As who has put its rights down.
chmod 777 /g && busybox setpriv --reuid 5 true 2>/dev/null
busybox su app -c 'busybox mknod /g/of-user c 1 3' 2>&1 | sed "s/^mknod: //"
head -c 1 /g/here | wc -c
END
cat >"$context/wanted" <<'END'
link: File exists
here: File exists
none/x: No such file or directory
here/x: Not a directory
: No such file or directory
/proc/x: No such file or directory
/sys/x: Read-only file system
/etc/hosts/x: Not a directory
NAME: File name too long
/g/here character special file 0:7 640 1:3
/above block special file 0:0 640 7:1
/g/full character special file 0:7 640 1:7
/jail/inside character special file 0:0 640 1:8
/jail/beside character special file 0:0 640 1:9
x: No such file or directory
/next character special file 0:0 640 1:3
/g/of-user: Operation not permitted
0
END
dockerfile <<'END'
COPY try /
RUN sh /try
RUN mkdir /many && /probe interrupted /many
USER app
RUN mknod /tmp/n c 1 3 2>&1 | sed 's/^/as user: /'; mkfifo /tmp/f && echo a pipe
END
# In a container whose own system calls somebody listens to there is one listener, theirs: steps
# run without a user namespace, and make their nodes themselves.
listened_to() {
    run 0 "$context/probe" listened "$abs_top_builddir/tenon-dev" -D --root "$store" build --progress=plain --no-cache \
        --build-context "$base" -o type=cacheonly "$context"
    assert_has "$work/err" "no user namespace for steps"
    made_right
}
trial() {
    try 0 --no-cache
    made_right
    [ ! -e /escaped ] && [ ! -e /next ] && [ ! -e /above ] || fail "$executor: on the machine"
    listened_to
}
made_right() {
    said | sed 's,^/link:,link:,; s,^0000*1:,NAME:,' >"$work/got"
    grep -v 'as user\|a pipe\|^interrupted' "$work/got" | diff "$context/wanted" - || fail "$executor: other nodes"
    assert_said "as user: mknod: /tmp/n: Operation not permitted"
    assert_said "a pipe"
    # From 5.19 on the kernel can wait; before 6.18 it may still ask again when tenon is fast.
    if [ "$(printf '6.18\n%s\n' "$(uname -r)" | sort -V | head -n 1)" = 6.18 ]; then
        assert_said "interrupted: 0 not made: works"
    fi
}
each_executor trial
