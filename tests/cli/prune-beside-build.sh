#!/bin/sh
# A build in the middle of its work, a shell in a failed step, and collections beside
# them: nothing that these use goes, though all of it was last used years ago. What
# nobody uses goes. No time decides: a step waits for the test's mark in its cache.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/steps.sh"
need python3 jq

# years_ago: nothing in the store has been used since.
years_ago() {
    python3 - "$store/tenon.db" <<'END_PYTHON'
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
for table in "snapshot", "blob", "cache", "record":
    db.execute("UPDATE %s SET used = 1000, created = 1000" % table)
db.commit()
END_PYTHON
}

# collect: all that may go, three times over; its rows are in $work/gone.
collect() {
    : >"$work/gone"
    for _ in 1 2 3; do
        run 0 tenon prune --all --force --format json
        cat "$work/out" >>"$work/gone"
    done
}

# The mark that a waiting step looks for, in each cache there is.
go() { for c in "$store"/cache-mounts/*/fs; do touch "$c/go"; done; }

cat >"$context/until" <<'D'
echo waiting
n=0
until [ -e /c/go ]; do
    n=$((n + 1))
    [ $n -lt 1200 ] || { echo "never"; exit 9; }
    sleep 0.05
done
rm /c/go
echo went on
D
echo file >"$context/file"
git_source

first="FROM base AS old
RUN echo one >/one
COPY file /file
$git
FROM base AS side
RUN echo side >/side
FROM old
RUN --mount=type=cache,target=/c,id=kept echo cached >/c/one"

for executor in $executors; do
    use_executor $executor
    store=$work/store-$executor
    rm -f "$work"/second.* "$work"/shell.*

    # What is found in the cache, and what has nothing to do with the second build.
    printf '%s\nCOPY --from=side /side /side\n' "$first" | dockerfile
    run 0 build -t example.org/named:1
    touch "$work/before"
    printf 'FROM base\nRUN --mount=type=cache,target=/c,id=loose echo loose >/c/x; echo loose >/loose\n' | dockerfile
    run 0 build -t example.org/loose:1
    run 0 tenon images rm example.org/loose:1
    run 0 build -t example.org/named:2
    years_ago

    printf '%s\n' "$first" \
        'RUN --mount=type=bind,source=until,target=/until --mount=type=cache,target=/c,id=kept sh /until && cp /c/one /cached' \
        'COPY --from=side /side /side' 'RUN cat /one /file /side /cached >/all' | dockerfile
    # Not through a function: a shell between us and it would get our signals.
    "$abs_top_builddir/tenon-dev" --root "$store" build --progress=plain,detail=short \
        --build-context "base=oci-layout://$bases/busybox" -o "type=local,dest=$work/tree" \
        -o "type=oci,dest=$work/second.tar" -o type=image -t example.org/second:1 "$context" \
        >"$work/second.out" 2>"$work/second.err" &
    second=$!
    remember $second
    wait_for "$work/second.err" waiting
    collect
    # Something did go, else this has tried nothing.
    jq -se 'any(.[]; .Type == "exec.cachemount" and .Description == "cached mount /loose")' "$work/gone" \
        >/dev/null || { cat "$work/gone" >&2; fail "$executor: the loose cache mount was left"; }
    jq -se 'all(.[]; .Description != "cached mount /kept")' "$work/gone" >/dev/null ||
        fail "$executor: the cache mount in use was taken"
    jq -se 'any(.[]; .ID | startswith("snapshot:"))' "$work/gone" >/dev/null ||
        fail "$executor: no old tree went"
    log=$(find "$store/logs" -type f -size +0 -newer "$work/before" | tail -n 1)
    [ -n "$log" ] || fail "$executor: no log of the step that runs"
    go
    wait $second || { tail -n 30 "$work/second.err" >&2; fail "$executor: the build was broken"; }
    grep -q waiting "$log" && grep -q "went on" "$log" || fail "$executor: the log of the step is not whole"
    assert_eq "one file side cached" "$(tr '\n' ' ' <"$work/tree/all" | sed 's/ $//')"
    [ -z "$git" ] || assert_eq "in git" "$(cat "$work/tree/git/f")"
    "$abs_top_srcdir/tests/fault/check-store" "$store" || fail "$executor: the store is not right"

    # Both images are whole, old as one of them is; so is the cache of the build.
    collect
    for image in named:1 named:2 second:1; do
        tenon images --format json >"$work/images"
        digest=$(jq -r "select(.name | endswith(\"example.org/$image\")) | .digest" "$work/images")
        [ -n "$digest" ] || { cat "$work/images" >&2; fail "$executor: no image $image"; }
        python3 - "$store/content/blobs/sha256" "$digest" <<'END_PYTHON' || fail "$executor: $image is not whole"
import json, os, sys
def look(digest):
    name = os.path.join(sys.argv[1], digest.split(":")[1])
    data = open(name, "rb").read()
    document = json.loads(data) if data[:1] == b"{" else {}
    if "schemaVersion" not in document:
        return
    for d in document.get("manifests", []) + document.get("layers", []) + [document.get("config")]:
        if d:
            look(d["digest"])
look(sys.argv[2])
END_PYTHON
    done

    # A failed step that somebody is in.
    printf 'FROM base\nCOPY file /file\nRUN --mount=type=bind,source=until,target=/until --mount=type=cache,target=/c,id=shell echo half >/half; exit 3\n' | dockerfile
    run 1 build
    years_ago
    "$abs_top_builddir/tenon-dev" --root "$store" shell sh -c 'sh /until && cat /file /half' \
        </dev/null >"$work/shell.out" 2>"$work/shell.err" &
    shell=$!
    remember $shell
    await_line "$work/shell.out" waiting
    collect
    go
    wait $shell || { cat "$work/shell.err" >&2; fail "$executor: the shell was broken"; }
    assert_has "$work/shell.out" file
    assert_has "$work/shell.out" half
    rm -rf "$work/tree"
done
