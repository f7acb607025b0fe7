#!/bin/sh
# tenon doctor as root, as a user with ranges of ids, as one without, and on
# machines that lack one thing or another: it tells what is missing, the command it
# advises is the one that helps, and the exit status says whether a build would work.
[ "$(id -u)" = 0 ] || { echo "needs root"; exit 77; }
if [ -z "${OWN_MOUNTS-}" ]; then
    unshare --mount true 2>/dev/null || { echo "needs namespaces"; exit 77; }
    exec unshare --mount env OWN_MOUNTS=1 sh "$0" "$@"
fi
. "$(dirname "$0")/../rootless/lib.sh"
need jq nsenter
# userdel renames over these.
unmount_etc() { umount /etc/subuid /etc/subgid 2>/dev/null || :; }
at_exit="unmount_etc $at_exit"
make_user alice many
make_user bob one
public_bases
newuidmap=$(command -v newuidmap)
newuidmap=$(readlink -f "$newuidmap")

line() { # MARK TOPIC TEXT
    grep -q "^$1  *$2  .*$3" "$work/out" || { sed 's/^/  | /' "$work/out" >&2; fail "no \"$1 $2 ... $3\""; }
}
advice() { sed -n 's/^Would help most: //p' "$work/out"; }

# Another topic's line of this machine is no affair of the test: on a machine without
# what it advises about network helpers those stand first.
run 0 tenon doctor
line ok "subordinate ids" "not needed as root"
line ok overlay "works in the store's file system\$"
line ok "ids of steps" "their own"
line ok executor native
assert_has "$work/out" 'A build: as root; steps by "native", network "host"'
assert_no_file "$store"
assert_eq "" "$(find "$work" -name '.tenon-doctor*')"

run 0 tenon_as "$alice" doctor
line ok store "$work/$alice/.local/share/tenon, on "
line ok "user namespaces" "can be created"
line ok "subordinate ids" "65536 users, 65536 groups, by newuidmap"
line ok overlay "(userxattr)"
assert_has "$work/out" "A build: without root, with 65537 user and 65537 group ids;"
assert_eq "" "$(ls -A "$work/$alice")"

# One object a line; the last is the build's.
run 0 tenon_as "$alice" doctor --format json
jq -se 'length > 6 and all(.[:-1][]; .check and .text and (.result | IN("ok", "poor", "broken", "weak")))' "$work/out" \
    >/dev/null || fail "JSON of the checks"
assert_eq "rootless 65537 65537 native $work/$alice/.local/share/tenon" \
    "$(jq -rs '.[-1] | "\(.mode) \(.users) \(.groups) \(.executor) \(.store)"' "$work/out")"
run 0 tenon doctor --format json
assert_eq root "$(jq -rs '.[-1].mode' "$work/out")"
run 2 tenon doctor --format yaml
run 2 tenon doctor more

# One id: the advice, followed to the letter, is what helps.
run 0 tenon_as "$bob" doctor
line -- "subordinate ids" "no ids are set aside in /etc/subuid and /etc/subgid"
line ok store "$work/$bob/.local/share/tenon/one-id, on "
assert_has "$work/out" "A build: without root, with one id;"
told=$(advice)
case $told in "sudo usermod --add-subuids "*" --add-subgids "*" $bob") ;; *) fail "advice: $told" ;; esac
run 0 tenon_as "$bob" doctor --format json
assert_eq "rootless-one-id $told" "$(jq -rs '.[-1] | "\(.mode) \(.advice)"' "$work/out")"
patiently ${told#sudo }
run 0 tenon_as "$bob" doctor
line ok "subordinate ids" "65536 users, 65536 groups"
assert_has "$work/out" "with 65537 user and 65537 group ids"
# The range is nobody else's.
set -- $(uid_range "$bob")
awk -F: -v a="$1" -v n="$2" '$2 < a + n && a < $2 + $3' /etc/subuid >"$work/overlaps"
assert_eq 1 "$(wc -l <"$work/overlaps")"

# One of the two files only, and a range that stands there twice, by the user's number.
grep -v "^$alice:" /etc/subgid >"$work/subgid" || :
mount --bind "$work/subgid" /etc/subgid
run 0 tenon_as "$alice" doctor
line -- "subordinate ids" "no ids are set aside in /etc/subgid"
case $(advice) in "sudo usermod --add-subgids "*" $alice") ;; *) fail "advice: $(advice)" ;; esac
umount /etc/subgid
sed "/^$alice:/{s/^$alice:/$(id -u "$alice"):/;p}" /etc/subuid >"$work/subuid"
mount --bind "$work/subuid" /etc/subuid
run 0 tenon_as "$alice" doctor
line ok "subordinate ids" "65536 users, 65536 groups"
assert_has "$work/out" "with 65537 user and 65537 group ids"
umount /etc/subuid

# newuidmap without root's rights, and none at all.
cp "$newuidmap" "$work/plain"
chmod 755 "$work/plain"
mount --bind "$work/plain" "$newuidmap"
run 0 tenon_as "$alice" doctor
line -- "subordinate ids" "newuidmap is not set-user-id: images with one owner only"
assert_eq "sudo chmod u+s $newuidmap" "$(advice)"
# A build says it as well, and goes on with one id.
mkdir "$work/context"
printf 'FROM base\nRUN id -u >/f\n' >"$work/context/Dockerfile"
chmod -R go+rX "$work/context"
run 0 tenon_as "$alice" build --build-context "$base" -o type=cacheonly "$work/context"
assert_has "$work/err" "building with one id: "
assert_has "$work/err" "newuidmap is not set-user-id"
umount "$newuidmap"
chmod 644 "$work/plain"
mount --bind "$work/plain" "$newuidmap"
run 0 tenon_as "$alice" doctor
line -- "subordinate ids" "newuidmap is not installed"
assert_eq "sudo apt-get install uidmap" "$(advice)"
umount "$newuidmap"
run 0 as "$alice" setpriv --no-new-privs "$program" doctor
line -- "subordinate ids" "may gain no privileges"

# User namespaces that are forbidden.  A file stands for AppArmor's.
make_namespace outer "0 0 4294967295"
as_in="nsenter --user --target $outer"
$as_in sh -c 'echo 0 >/proc/sys/user/max_user_namespaces'
run 1 tenon_as "$alice" doctor
line NO "user namespaces" "cannot be created"
assert_has "$work/out" "A build: cannot work here"
assert_eq "sudo sysctl -w user.max_user_namespaces=65536" "$(advice)"
run 1 tenon_as "$alice" doctor --format json
assert_eq none "$(jq -rs '.[-1].mode' "$work/out")"
mkdir "$work/sysctl"
echo 1 >"$work/sysctl/apparmor_restrict_unprivileged_userns"
mount --bind "$work/sysctl" /proc/sys/kernel
run 1 tenon_as "$alice" doctor
assert_eq "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0" "$(advice)"
as_in=
run 0 tenon_as "$alice" doctor
line ok "user namespaces" "AppArmor allows tenon"
umount /proc/sys/kernel

# The store and the executor.
mkdir -m 755 "$work/closed"
run 1 tenon_as "$alice" --root "$work/closed/store" doctor
line NO store "Permission denied"
assert_eq "tenon --root DIR build ..." "$(advice)"
echo '{"executor": "oci", "plugins": {"executor-oci": {"runtime": "/none/such"}}}' >"$work/tenon.json"
run 1 tenon doctor
line NO executor 'oci: OCI runtime "/none/such": not found'
echo '{"executor": "nativ"}' >"$work/tenon.json"
run 1 tenon doctor
line NO executor nativ
echo '{}' >"$work/tenon.json"

# A store on an overlay, as in containers: told, with what to do.
mkdir "$work/l" "$work/u" "$work/w" "$work/over"
mount -t overlay -o "lowerdir=$work/l,upperdir=$work/u,workdir=$work/w" overlay "$work/over"
run 0 tenon --root "$work/over/store" doctor
grep -q '^--  *store .*, on overlay, ' "$work/out" || fail "a store on an overlay"
if ! grep -q '^ok  *overlay' "$work/out"; then
    line -- overlay "cannot be mounted: Invalid argument; trees are copied, which is slower"
    assert_eq "tenon --root DIR_ON_A_LOCAL_DISK build ..." "$(advice)"
fi
umount "$work/over"
mkdir "$work/begun"
touch "$work/begun/copies"
run 0 tenon --root "$work/begun" doctor
line -- overlay "works, but the store was begun without"

# The device that network helpers need.
if [ -e /dev/net/tun ]; then
    mknod "$work/tun" c 10 200
    chmod 600 "$work/tun"
    mount --bind "$work/tun" /dev/net/tun
    run 0 tenon_as "$alice" doctor
    ! command -v pasta >/dev/null || assert_eq "sudo chmod 666 /dev/net/tun" "$(advice)"
    echo '{"network": "sandbox"}' >"$work/tenon.json"
    run 1 tenon_as "$alice" --config "$work/tenon.json" doctor
    line NO "network helper" ""
    umount /dev/net/tun
fi
