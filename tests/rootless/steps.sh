#!/bin/sh
# Steps of an ordinary user's build with both executors: ids, groups, secrets, ssh,
# control groups where none are delegated and where they are.
. "$(dirname "$0")/lib.sh"
need ssh-agent ssh-add ssh-keygen
make_user alice many
public_bases
range=$(uid_range "$alice")

mkdir "$work/context"
cat >"$work/context/Dockerfile" <<'END_FILE'
FROM base
ARG NOW
RUN echo "map $(tr -s ' ' </proc/self/uid_map | tr '\n' ',')"; id; \
    grep ' / / ' /proc/self/mountinfo | grep -o userxattr
USER app
RUN id; touch /home/app/f; stat -c 'owner %u:%g' /home/app/f; \
    for i in 0 1 2; do test -e /proc/self/fd/$i; done; grep CapEff /proc/self/status
USER root
RUN --mount=type=secret,id=s --mount=type=secret,id=s,target=/two,uid=1000,gid=1002,mode=0440 \
    stat -c 'secret %u:%g %a' /run/secrets/s /two; md5sum </two
RUN --mount=type=ssh,uid=1000,gid=1002 stat -c 'agent %u:%g %a' "$SSH_AUTH_SOCK"
RUN echo hello >/dev/null && head -c 3 /dev/urandom | wc -c && ls -l /dev/null && mknod /x c 1 3 || echo "no devices"
END_FILE
cat >"$work/context/limit.Dockerfile" <<'END_FILE'
FROM base
ARG NOW
RUN echo "I $((1)) ran"
END_FILE
chmod -R go+rX "$work/context"
secret=$(od -An -N20 -tx1 /dev/urandom | tr -d ' \n')
echo "$secret" >"$work/$alice/secret"
chmod 600 "$work/$alice/secret"
chown "$alice" "$work/$alice/secret"
as "$alice" ssh-keygen -q -t ed25519 -N '' -f key
become "$alice" ssh-agent -D -a agent >"$work/agent.log" 2>&1 &
remember $!
as_env=SSH_AUTH_SOCK=$work/$alice/agent
key_added() { as "$alice" ssh-add -q key 2>"$work/agent.log"; }
await "the ssh agent" key_added # its socket is there before it answers
run 0 as "$alice" ssh-add -l

groups() { find /sys/fs/cgroup -type d -user "$alice" 2>/dev/null || :; }
now=0
build() {
    now=$((now + 1))
    tenon_as "$alice" --config "$work/tenon.json" build --progress=plain,detail=short --build-context "$base" \
        --build-arg NOW=$now -o type=cacheonly "$@" "$work/context"
}

find_executors
for executor in $executors; do
    echo "{\"executor\": \"$executor\"}" >"$work/tenon.json"
    before=$(groups)
    run 0 build --secret id=s,src=secret --ssh default
    assert_has "$work/err" " 0 $(id -u "$alice") 1, 1 ${range% *} 65536,"
    assert_has "$work/err" "uid=0(root) gid=0(root)"
    grep -qE '^#[0-9]+ [0-9.]+ userxattr$' "$work/err" || fail "the root is no overlay with userxattr"
    assert_has "$work/err" "uid=1000(app) gid=1000(app) groups=1000(app),2000(extra)"
    assert_has "$work/err" "owner 1000:1000"
    assert_has "$work/err" "secret 0:0 400"
    assert_has "$work/err" "secret 1000:1002 440"
    assert_has "$work/err" "$(md5sum <"$work/$alice/secret")"
    assert_has "$work/err" "agent 1000:1002 600"
    assert_has "$work/err" "no devices" # mknod: not even in rootless BuildKit
    assert_eq "$before" "$(groups)"
    # The secret is in no file of the store.
    ! grep -rqF "$secret" "$work/$alice/.local" || fail "the secret is in the store"

    # A limit where no control group is ours: refused, with what would help.
    run 1 build -f "$work/context/limit.Dockerfile" --resource memory=67108864
    assert_has "$work/err" "hint: "
    assert_has "$work/err" "Delegate=yes"
    assert_lacks "$work/err" "I 1 ran"
    assert_eq "$before" "$(groups)"
done

# A control group that was made the user's, as systemd does.
delegate() {
    if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
        top=/sys/fs/cgroup/$alice
        echo +memory >/sys/fs/cgroup/cgroup.subtree_control || return 1
        mkdir -p "$top/own" && echo +memory >"$top/cgroup.subtree_control" || return 1
        own=$top/own
    else
        top=/sys/fs/cgroup/memory/$alice
        mkdir "$top" || return 1
        own=$top
    fi
    chown -R "$alice" "$top"
}
drop_group() {
    # What was in it is gone in a moment.
    for _ in $(seq 50); do
        find "$top" -depth -type d -exec rmdir {} + 2>/dev/null || :
        [ -d "$top" ] || break
        sleep 0.1
    done
}
cat >"$work/context/limit.Dockerfile" <<'END_FILE'
FROM base
ARG NOW
RUN echo "I $((1)) ran"; dd if=/dev/zero of=/dev/null bs=100M count=1 && echo "beyond $((1))"
END_FILE
delegate 2>"$work/delegate" || {
    not_tried "control groups of the user's own: $(cat "$work/delegate")"
    exit 0
}
at_exit="$at_exit drop_group"
for executor in $executors; do
    echo "{\"executor\": \"$executor\"}" >"$work/tenon.json"
    run 1 sh -c 'echo $$ >"$1/cgroup.procs"; shift; exec "$@"' join "$own" \
        setpriv --reuid "$alice" --regid "$alice" --init-groups env -i HOME="$work/$alice" PATH="$PATH" \
        "$program" --config "$work/tenon.json" build --progress=plain,detail=short --build-context "$base" \
        --build-arg NOW=$executor -o type=cacheonly --resource memory=67108864 \
        -f "$work/context/limit.Dockerfile" "$work/context"
    assert_has "$work/err" "I 1 ran"
    assert_lacks "$work/err" "beyond 1"
    assert_eq "$(find "$own" "$top" -type d | sort -u)" "$(groups | sort -u)"
    assert_eq "" "$(find "$top" -type d -name 'tenon-*')"
done
