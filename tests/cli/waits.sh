#!/bin/sh
# Who waits for another process or for a lock is shown as waiting, in every display, with the
# other's output when it makes the same step. No time decides: whoever is waited for goes on
# when the test has seen the line.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/steps.sh"
. "$(dirname "$0")/terminal.sh"
need flock python3 jq curl

# A step that prints, and then waits for a file of the test's.
dockerfile <<'D'
FROM base
RUN --mount=type=cache,target=/marks echo "half way"; n=0; \
    until [ -e /marks/go ]; do n=$((n + 1)); [ $n -lt 1200 ] || exit 9; sleep 0.05; done; echo all the way
D
go() { # STORE: the first cache of it
    touch "$store/cache-mounts/1/fs/go"
}
go_all() {
    for cache in "$store"/cache-mounts/*/fs; do touch "$cache/go"; done
}
fresh_store() {
    store=$work/store-$1
    mkdir -p "$work/seen"
}
finish() { # PID STATUS
    status=0
    wait "$1" || status=$?
    assert_eq "$2" "$status"
}
start_first() { # the build that the others wait for
    build -o type=cacheonly 2>"$work/first" &
    first=$!
    remember $first
    await_line "$work/first" '^#[0-9]+ [0-9.]+ half way$'
    # Its id is in the lock, which is what the others say.
    holder=$(sed 's/ .*//; q' "$store"/locks/step-*)
}
json_statuses() { # what rawjson says of waiting, each with whether it ends there
    python3 - "$1" <<'END'
import base64, json, sys
for line in open(sys.argv[1]):
    o = json.loads(line)
    for s in o.get("statuses", []):
        if s["id"].startswith("waiting for "):
            print(s["id"], "is over" if s.get("completed") else "begins")
    for l in o.get("logs", []):
        print("log:", base64.b64decode(l["data"]).decode().strip().replace("\n", "|"))
    for v in o.get("vertexes", []):
        if v["name"].startswith("[internal] waiting"):
            print(v["name"], "is over" if v.get("completed") else "begins")
END
}

# ---- another build makes the same step -----------------------------------------
fresh_store step
start_first
line="waiting for process $holder, which makes this step"
build -o type=cacheonly 2>"$work/plain" &
plain=$!
remember $plain
tenon build --progress=rawjson --build-context "base=oci-layout://$bases/busybox" -o type=cacheonly \
    "$context" 2>"$work/json" &
json=$!
remember $json
await_line "$work/plain" "^#[0-9]+ $line\$"
await_line "$work/plain" '^#[0-9]+ [0-9.]+ half way$' # what the first one has printed so far
await_line "$work/json" "$line"
if can_try "the display of terminals" tmux; then
    need_terminal
    term_start 120 24 "$abs_top_builddir/tenon-dev --root $store build --progress=tty \
        --build-context base=oci-layout://$bases/busybox -o type=cacheonly $context"
    term_until "$line"
    term_until "half way"
fi
go
finish $first 0
finish $plain 0
finish $json 0
[ ! -s "$work/term.sh" ] || { term_wait 0; term_end; }
assert_has "$work/plain" "all the way"
grep -qE "^#[0-9]+ $line [0-9.]+s done\$" "$work/plain" || { cat "$work/plain"; fail "the wait does not end"; }
assert_eq CACHED "$(step_ended "$work/plain" "half way")"
json_statuses "$work/json" >"$work/seen/json"
assert_has "$work/seen/json" "$line begins"
assert_has "$work/seen/json" "$line is over"
assert_has "$work/seen/json" "log: half way"
assert_has "$work/seen/json" "all the way"

# The other one fails: then it is ours to make.
fresh_store failed
start_first
build -o type=cacheonly 2>"$work/plain" &
plain=$!
remember $plain
await_line "$work/plain" "^#[0-9]+ waiting for process $holder, which makes this step\$"
kill -INT "$holder"
finish $first 130
go
finish $plain 0
assert_eq DONE "$(step_ended "$work/plain" "half way")"

# ---- a cache mount -------------------------------------------------------------
# A step of another build, and then one of the same.
cat >"$context/locked.Dockerfile" <<'D'
FROM base AS one
ARG WORD
RUN --mount=type=cache,target=/marks --mount=type=cache,id=modules,target=/c,sharing=locked echo "$WORD is in"; n=0; \
    until [ -e /marks/go ]; do n=$((n + 1)); [ $n -lt 1200 ] || exit 9; sleep 0.05; done
FROM one AS two
RUN --mount=type=cache,target=/marks --mount=type=cache,id=modules,target=/c,sharing=locked rm -f /marks/go
FROM base AS three
RUN --mount=type=cache,target=/marks --mount=type=cache,id=modules,target=/c,sharing=locked rm -f /marks/go; true
FROM base
COPY --from=one /etc/passwd /1
COPY --from=three /etc/passwd /3
D
fresh_store cache
locked() { build -f "$context/locked.Dockerfile" -o type=cacheonly "$@"; }
locked --target one --build-arg WORD=first 2>"$work/first" &
first=$!
remember $first
await_line "$work/first" '^#[0-9]+ [0-9.]+ first is in$'
locked --target one --build-arg WORD=second 2>"$work/second" &
second=$!
remember $second
await_line "$work/second" '^#[0-9]+ waiting for process [0-9]+, which uses the cache mount "/modules"$'
assert_lacks "$work/second" "in it" # not the other's output: it is another step
go_all
finish $first 0
finish $second 0

fresh_store same
locked --target one --build-arg WORD=third 2>"$work/first" &
first=$!
remember $first
await_line "$work/first" '^#[0-9]+ [0-9.]+ third is in$'
locked --target three 2>"$work/second" &
second=$!
remember $second
await_line "$work/second" 'waiting for process [0-9]+, which uses the cache mount "/modules"$'
go_all
finish $first 0
finish $second 0

# ---- a lock that says nothing of its holder, and the repository of a source -----
git_source
if [ -n "$git" ]; then
    fresh_store git
    dockerfile <<D
FROM scratch
$git
D
    result
    echo more >"$work/repo/f"
    git -C "$work/repo" -c user.name=t -c user.email=t@example.org commit -qam two
    git -C "$work/repo" push -q "$work/www/repo.git" HEAD
    mkfifo "$work/fifo"
    flock -x "$store/locks/cache-1" cat "$work/fifo" &
    keeper=$!
    remember $keeper
    exec 9>"$work/fifo"
    (exec 9>&-; build -o type=cacheonly) 2>"$work/plain" &
    plain=$!
    remember $plain
    await_line "$work/plain" '^#[0-9]+ waiting for another process, which uses the shared git repo for http://127.0.0.1:[0-9]+/git/repo.git$'
    exec 9>&-
    finish $keeper 0
    finish $plain 0
fi

# ---- a blob, a layer, a copy of a context ------------------------------------------
# The name of a lock is that of what is made under it.
waits_for() { # LOCK LINE FLAG...: who has it is process 4242
    lock=$store/locks/$1
    line=$2
    shift 2
    rm -f "$work/fifo"
    mkfifo "$work/fifo"
    printf '%s\n' 4242 >"$lock"
    flock -x "$lock" cat "$work/fifo" &
    keeper=$!
    remember $keeper
    exec 9>"$work/fifo"
    await "a lock of the test's" sh -c "! flock -n '$lock' true"
    (exec 9>&-; build -o type=cacheonly "$@") 2>"$work/plain" &
    plain=$!
    remember $plain
    await_line "$work/plain" "^#[0-9]+ waiting for process 4242, which $line\$"
    exec 9>&-
    finish $keeper 0
    finish $plain 0
    grep -qE "^#[0-9]+ waiting for process 4242, which $line [0-9.]+s done\$" "$work/plain" ||
        fail "the wait does not end: $line"
}
dockerfile <<'D'
FROM base
D
start_registry </dev/null
fresh_store push
run 0 build -t "$registry/base:1" --push
manifest=$(curl -s -H 'Accept: application/vnd.oci.image.manifest.v1+json' "http://$registry/v2/base/manifests/1")
layer=$(echo "$manifest" | jq -r '.layers[0].digest')
chain=$(curl -s "http://$registry/v2/base/blobs/$(echo "$manifest" | jq -r .config.digest)" |
    jq -r '.rootfs.diff_ids[0]')
printf 'FROM %s/base:1\nRUN true\n' "$registry" | dockerfile
fresh_store blob
run 0 tenon images
waits_for "blob-${layer#sha256:}" "fetches $layer"
fresh_store layer
run 0 tenon images
waits_for "layer-${chain#sha256:}" "extracts layer $layer"

# Named after the content: a first build tells.
mkdir "$work/files"
echo one >"$work/files/file"
cat >"$context/Dockerfile" <<'D'
FROM base
RUN --mount=from=files,target=/f cat /f/file
D
fresh_store copy
run 0 build -o type=cacheonly --build-context "files=$work/files"
copy=$(python3 - "$store/tenon.db" <<'END'
import sqlite3, sys
for row in sqlite3.connect(sys.argv[1]).execute("SELECT id FROM record WHERE description = 'local source'"):
    print(row[0].split(":")[1])
END
)
fresh_store other
run 0 tenon images
waits_for "step-$copy" "copies the same files" --build-context "files=$work/files"

# ---- the store's records -------------------------------------------------------
lock_records() { # until "go" is there
    rm -f "$work/unlock" "$work/locked"
    python3 - "$store/tenon.db" "$work" <<'END' &
import os, sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("BEGIN IMMEDIATE")
open(sys.argv[2] + "/locked", "w").close()
for _ in range(1200):
    if os.path.exists(sys.argv[2] + "/unlock"):
        break
    time.sleep(0.02)
db.execute("ROLLBACK")
END
    locker=$!
    remember $locker
    await "a lock of the records" test -e "$work/locked"
}
dockerfile <<'D'
FROM base
RUN --mount=type=cache,target=/marks echo "half way"; n=0; \
    until [ -e /marks/go ]; do n=$((n + 1)); [ $n -lt 1200 ] || exit 9; sleep 0.05; done
D
for display in plain rawjson; do
    fresh_store "records-$display"
    tenon build --progress=$display --build-context "base=oci-layout://$bases/busybox" -o type=cacheonly \
        "$context" 2>"$work/said" &
    first=$!
    remember $first
    await_line "$work/said" 'half way$|aGFsZiB3YXkK'
    lock_records
    go
    await_line "$work/said" 'waiting for the store'
    await_line "$work/said" "waiting for another process, which has the store's records locked"
    touch "$work/unlock"
    finish $locker 0
    finish $first 0
done
json_statuses "$work/said" >"$work/seen/records"
assert_has "$work/seen/records" "[internal] waiting for the store is over"
assert_has "$work/seen/records" "which has the store's records locked is over"

# Where no build is shown, a line of standard error says it.
lock_records
tenon prune --all --force >"$work/out" 2>"$work/said" &
prune=$!
remember $prune
await_line "$work/said" 'waiting for another process, which has .*/tenon.db locked$'
touch "$work/unlock"
finish $locker 0
finish $prune 0
