#!/bin/sh
# What is small and unpacks to very much: archives, layers, streams, git repositories, documents,
# the output of a step. Each limit ends the build with its name, its value, and how to allow more,
# before much was written; what is at a limit passes, and so does with the defaults what there is
# in the world. With ADD and as a layer; as an ordinary user in tests/rootless/bombs.sh.
. "$(dirname "$0")/lib.sh"
need git zstd xz bzip2
rm "$context/probe" # not wanted: what is in the context is counted

bomb() { "$python" "$here/make-bomb" "$@"; }
# packed FILE: beside it FILE.gz, .zst, .xz, .bz2
packed() {
    gzip -nkf9 "$1"
    zstd -qkf19 "$1"
    xz -kf "$1"
    bzip2 -kf "$1"
}

# limits JSON: what the configuration says from here on.
limits() { printf '{"executor": "%s", "limits": {%s}}\n' "$executor" "$1" >"$TENON_CONFIG"; }

# ends NAME VALUE FLAG...: the build of $context fails by that limit, says so once and in full.
ends() {
    ends_name=$1
    ends_value=$2
    shift 2
    rm -rf "$store" # what was taken once is known
    attempt "$@"
    [ $got = 1 ] || fail "$executor: $what: taken, though the limit \"$ends_name\" is $ends_value"
    assert_has "$work/err" ": the limit \"$ends_name\" is $ends_value"
    assert_has "$work/err" "\"limits\": {\"$ends_name\": "
    no_leftover "$store"
}
passes() {
    rm -rf "$store"
    attempt "$@"
    [ $got = 0 ] || { cat "$work/err" >&2; fail "$executor: $what: not taken"; }
}

# both WHAT FILE: ends or passes (the rest), with ADD and as a layer.
add() { printf 'FROM scratch\nADD %s /a/\n' "$1" >"$context/Dockerfile"; }
layer() {
    rm -rf "$work/layout"
    bomb layout "$1" "$work/layout"
    printf 'FROM image\nCOPY Dockerfile /\n' >"$context/Dockerfile"
}
both() {
    what=$1
    file=$2
    shift 2
    cp "$file" "$context/archive"
    add archive
    "$@"
    rm "$context/archive"
    case $file in *.xz | *.bz2) return 0 ;; esac # no layers are made of these
    layer "$file"
    what="$what, as a layer"
    "$@" --build-context "image=oci-layout://$work/layout"
}

made=$work/made
mkdir "$made"
bomb zeros 10 "$made/zeros"
bomb behind 10 "$made/behind"
bomb unwanted 10 "$made/unwanted"
bomb files 400 "$made/files" # and 40 directories
bomb same 440 "$made/same"
bomb links 439 "$made/links"
bomb deep 439 "$made/deep"
bomb hole 300 "$made/hole"
bomb holes 30 "$made/holes"
bomb hole 300000 "$made/endless"
for f in zeros behind unwanted files; do packed "$made/$f"; done
head -c 100000 /dev/zero >"$made/little"
for f in "$made"/*.*; do [ "$(stat -c %s "$f")" -lt 1000000 ] || fail "$f is no bomb"; done
# A frame that needs 256 MiB of memory: how long it gets is not known when it begins.
cat "$made/zeros" | zstd -q --long=28 >"$made/window.zst"

archives() {
    # by default: text that gzip packs a thousand times, 10 MiB of zeros in other formats
    limits ''
    for f in zeros.gz zeros.zst zeros.xz zeros.bz2 files links hole; do
        both "$f, by default" "$made/$f" passes
    done
    both "a hole of 300 GB, by default" "$made/endless" ends unpacked 274877906944
    both "a window of 256 MiB, by default" "$made/window.zst" ends window 134217728
    limits '"window": "256m"'
    both "a window of 256 MiB" "$made/window.zst" passes

    limits '"unpacked": "5m"'
    for f in zeros zeros.gz zeros.zst zeros.xz zeros.bz2 unwanted unwanted.gz unwanted.xz hole holes; do
        both "$f" "$made/$f" ends unpacked 5242880
    done
    # What is behind the end of an archive is not read by ADD, and part of a layer.
    what=behind.gz
    layer "$made/behind.gz"
    ends unpacked 5242880 --build-context "image=oci-layout://$work/layout"

    limits '"ratio": 50, "ratio-from": "1m"'
    for f in zeros.gz zeros.zst zeros.xz zeros.bz2 unwanted.gz; do
        both "$f" "$made/$f" ends ratio 50
    done
    both "what is not packed" "$made/zeros" passes
    limits '"ratio": 50, "ratio-from": "20m"'
    both "a ratio below the floor" "$made/zeros.gz" passes
    gzip -c "$made/zeros.gz" >"$made/twice.gz"
    what=twice.gz
    limits '"ratio": 2000, "ratio-from": "1m"'
    cp "$made/twice.gz" "$context/archive"
    add archive
    ends ratio 2000
    rm "$context/archive"

    for f in files same links deep files.zst files.bz2; do
        limits '"entries": 440'
        both "$f, of 440" "$made/$f" passes
        limits '"entries": 439'
        both "$f, of 440" "$made/$f" ends entries 439
    done

    limits '"holes": "200m"'
    for f in hole holes; do both "$f" "$made/$f" ends holes 209715200; done
    limits '"holes": "400m"'
    for f in hole holes; do both "$f" "$made/$f" passes; done
}

# A wrong index is wrong usage, for the layout was named; what it names is not.
documents() {
    limits ''
    printf 'FROM image\nCOPY Dockerfile /\n' >"$context/Dockerfile"
    for f in index manifest config; do
        for kind in $f large-$f; do
            rm -rf "$work/layout"
            bomb json $kind "$work/layout"
            got=0
            build "$store" --build-context "image=oci-layout://$work/layout" -o type=cacheonly "$context" \
                >"$work/out" 2>"$work/err" || got=$?
            case $got in 1 | 2) ;; *) fail "$executor: $kind: status $got" ;; esac
            case $kind in
            large-*) grep -qE "4194304|8388608" "$work/err" || { cat "$work/err" >&2; fail "$executor: $kind: another error"; } ;;
            *) assert_has "$work/err" "nesting too deep" ;;
            esac
        done
    done
}

logs() {
    limits '"step-log": "64k"'
    what="a step that prints 5 MB"
    cat >"$context/Dockerfile" <<'END_FILE'
FROM base
RUN echo first line; i=0; while [ $i -lt 50 ]; do printf "%100000s\n" $i; i=$((i+1)); done; echo last line; exit 3
END_FILE
    attempt
    [ $got = 1 ] || fail "$executor: $what"
    assert_has "$work/err" "the step's output, less its middle, is in "
    log=$(sed -n "s/.*less its middle, is in //p" "$work/err")
    [ "$(stat -c %s "$log")" -le 65536 ] || fail "$executor: $what: the log is larger than its limit"
    assert_eq "first line" "$(head -n 1 "$log")"
    assert_eq "last line" "$(tail -n 1 "$log")"
    assert_eq 1 "$(grep -c 'bytes are not kept: the limit "step-log" is 65536 bytes' "$log")"
    # Whatever it shows, the build's own error is not lost.
    assert_has "$work/err" "exit code: 3"
}

repositories() {
    [ -e "$built/.libs/source-git.so" ] || { not_tried "git: built without source-git"; return 0; }
    limits ''
    what="10^10 files"
    printf 'FROM scratch\nADD %s/git/bomb.git /r\n' "$url" >"$context/Dockerfile"
    ends git-entries 8000000
    assert_has "$work/err" "the commit has 11111111110 files and directories"
    printf 'FROM scratch\nADD %s/git/bomb.git#main:n1/n2/n3/n4/n5/n6 /r\n' "$url" >"$context/Dockerfile"
    what="11110 of them" # 10^4 files in what is below
    limits '"git-entries": 11110'
    passes
    limits '"git-entries": 11109'
    ends git-entries 11109

    printf 'FROM scratch\nADD %s/git/large.git /r\n' "$url" >"$context/Dockerfile"
    for limit in '"git-file": "3m"|3145728' '"unpacked": "20m"|20971520' '"git-objects": 5|5' '"git-pack": "100k"|102400'; do
        what=${limit%|*}
        limits "$what"
        name=${what#\"}
        ends "${name%%\"*}" "${limit#*|}"
    done
    what="the same repository"
    limits '"git-file": "5m", "unpacked": "40m", "git-objects": 6, "git-pack": "1m"'
    passes

    what="a file of 2 MiB from a server"
    head -c 2097152 /dev/zero >"$work/www/file"
    printf 'FROM scratch\nADD %s/file /f\n' "$url" >"$context/Dockerfile"
    limits '"download": 2097151'
    ends download 2097151
    limits '"download": 2097152'
    passes

    # An object that libgit2 would hold in memory to see that it is no file of the commit's.
    what="100 MB in memory"
    printf 'FROM scratch\nADD %s/git/memory.git /r\n' "$url" >"$context/Dockerfile"
    limits '"git-file": "5m"'
    ends git-file 5242880
}

# Of ten names the same file, 4 MiB, and something that cannot be packed.
make_repositories() {
    mkdir "$work/www"
    git config --global user.name test
    git config --global user.email test@example.org
    git config --global init.defaultBranch main
    bomb git - "$work/www/bomb.git"
    git init -q "$work/large"
    mkdir "$work/large/d" "$work/large/e"
    head -c 4194304 /dev/zero >"$work/large/d/0"
    for n in 1 2 3 4 5 6 7 8; do cp "$work/large/d/0" "$work/large/d/$n"; done
    head -c 300000 /dev/urandom >"$work/large/e/noise"
    git -C "$work/large" add .
    git -C "$work/large" commit -qm large
    git clone -q --bare "$work/large" "$work/www/large.git"
    git init -q "$work/memory"
    head -c 100000000 /dev/zero >"$work/memory/f"
    git -C "$work/memory" add .
    git -C "$work/memory" commit -qm large
    echo more >>"$work/memory/f" # sent as a difference, for which the other is needed
    git -C "$work/memory" commit -qam more
    echo small >"$work/memory/f"
    git -C "$work/memory" commit -qam small
    git -C "$work/memory" repack -qadf
    git clone -q --bare "$work/memory" "$work/www/memory.git"
    rm -rf "$work/large" "$work/memory"
    "$abs_top_srcdir/tests/cli/web-server" "$work/www" "$work/web.log" >"$work/port" &
    remember $!
    await "the port of a server" test -s "$work/port"
    url=http://127.0.0.1:$(cat "$work/port")
}
make_repositories

trial() {
    logs
    # Nothing of these runs with an executor.
    [ $executor = native ] || return 0
    archives
    documents
    repositories
}
each_executor trial

executor=native
# ---- the configuration, and its manual ---------------------------------------------------------
for wrong in '"entries": 0' '"entries": -1' '"entries": "many"' '"entries": 1.5' '"unpacked": "1x"' \
    '"window": "4g"' '"window": 100' '"step-log": 100' '"entires": 5' '"unpacked": []' '"unpacked": null'; do
    limits "$wrong"
    run 1 tenon --root "$work/store-of-none" du
    assert_has "$work/err" "limits: "
done
limits '"entires": 5'
run 1 tenon --root "$work/store-of-none" du
assert_has "$work/err" 'did you mean "entries"?'
sed -n 's/^ *\[TENON_LIMIT_[A-Z_]*\] = { "\([a-z-]*\)".*/\1/p' "$abs_top_srcdir/core/base/limits.c" | sort >"$work/names"
sed -n 's/^| `\([a-z-]*\)` |.*/\1/p' "$abs_top_srcdir/docs/limits.md" | sort >"$work/documented"
[ -s "$work/names" ] || fail "no limits were found"
cmp "$work/names" "$work/documented" || fail "docs/limits.md has other limits"
