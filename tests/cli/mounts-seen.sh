#!/bin/sh
# Each mount of a step as the step finds it: its attributes, whether it is written to,
# its owner and mode, its size; the same by each executor.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/steps.sh"
need ssh-agent ssh-add
echo hush >"$work/secret"
start_agent "$work/agent"
export SSH_AUTH_SOCK="$work/agent"

# A line a place: attributes of the mount, "rw" as it is tried, owner and mode.  What the
# file systems of this machine have as their own (relatime and the like) is left out.
cat >"$context/look" <<'S'
for at; do
    attributes=$(awk -v at="$at" '$5 == at { o = $6 } END { print o }' /proc/self/mountinfo | tr ',' '\n' |
        grep -x 'ro\|rw\|nosuid\|nodev\|noexec' | sort | tr '\n' ' ')
    file=$at
    [ ! -d "$at" ] || file=$at/tried
    if [ -S "$at" ]; then tried=socket
    elif (: >>"$file") 2>/dev/null; then tried=written; else tried=refused; fi
    echo "$at: $attributes$tried $(stat -c '%a %u:%g' "$at")"
done
S
cat >"$context/file" <<'D'
text
D
dockerfile <<'D'
FROM base AS from
RUN mkdir -m 750 /dir && echo text >/dir/file && chown -R 3:4 /dir
FROM base AS s
RUN mkdir /o
RUN --mount=type=bind,source=look,target=/look --mount=type=bind,source=file,target=/m/context \
    --mount=type=bind,source=file,target=/m/writable,rw --mount=type=bind,from=from,source=/dir,target=/m/stage \
    --mount=type=bind,from=from,source=/dir,target=/m/stage-rw,rw --mount=type=bind,from=from,source=/dir/file,target=/m/stage-file \
    --mount=type=cache,target=/m/cache --mount=type=cache,id=two,target=/m/cache-ro,ro \
    --mount=type=cache,id=three,target=/m/cache-owned,mode=0710,uid=5,gid=6 \
    --mount=type=tmpfs,target=/m/tmpfs --mount=type=tmpfs,target=/m/small,size=1m \
    --mount=type=secret,id=s,target=/m/secret --mount=type=secret,id=s,target=/m/owned,mode=0644,uid=7,gid=8 \
    --mount=type=secret,id=s,target=/m/program,mode=04711 \
    --mount=type=ssh,target=/m/ssh --mount=type=ssh,target=/m/ssh-owned,mode=0660,uid=9,gid=10 \
    sh /look /etc/hosts /etc/resolv.conf /m/context /m/writable /m/stage /m/stage-rw /m/stage-file /m/cache /m/cache-ro \
        /m/cache-owned /m/tmpfs /m/small /m/secret /m/owned /m/program /m/ssh /m/ssh-owned >/o/seen; \
    df -k /m/small | awk 'END { print $2 }' >/o/size; \
    cp /bin/busybox /m/tmpfs/echo && chmod 4755 /m/tmpfs/echo && /m/tmpfs/echo runs >/o/runs; \
    cat /m/secret /m/owned >/o/secret; ls /m >/o/list
RUN find /m >/o/left 2>/dev/null; ls /o/tried 2>/dev/null; true
FROM scratch
COPY --from=s /o /
D
cat >"$work/wanted" <<'W'
/etc/hosts: nodev noexec nosuid ro refused 644 0:0
/etc/resolv.conf: nodev noexec nosuid ro refused 644 0:0
/m/context: ro refused 644 0:0
/m/writable: rw written 644 0:0
/m/stage: ro refused 750 3:4
/m/stage-rw: rw written 750 3:4
/m/stage-file: ro refused 644 3:4
/m/cache: rw written 755 0:0
/m/cache-ro: ro refused 755 0:0
/m/cache-owned: rw written 710 5:6
/m/tmpfs: nosuid rw written 1777 0:0
/m/small: nosuid rw written 1777 0:0
/m/secret: nodev noexec nosuid ro refused 400 0:0
/m/owned: nodev noexec nosuid ro refused 644 7:8
/m/program: nodev nosuid ro refused 4711 0:0
/m/ssh: rw socket 600 0:0
/m/ssh-owned: rw socket 660 9:10
W
for executor in $executors; do
    use_executor $executor
    store=$work/store-$executor
    result --no-cache --secret "id=s,src=$work/secret" --ssh default
    diff "$work/wanted" "$work/tree/seen" || fail "$executor: mounts"
    saw size 1024
    saw runs runs
    saw secret "hush
hush"
    saw left "" # no mount point, nothing that was written to what is thrown away
done
