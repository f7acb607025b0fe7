#!/bin/sh
# Passwords and tokens in URLs: of contexts, build files, ADD, git, caches and redirects, in
# builds that succeed and that fail in each way. Everything that is written is looked through
# for them, in six spellings: what is printed by each display, files of the store, results,
# images, metadata.
. "$(dirname "$0")/lib.sh"
need git curl
[ -e "$abs_top_builddir/.libs/source-git.so" ] || skip "built without source-git"

# As it is, and as a URL has it. The first is what a server gets.
secret="pl@nted/word-$mark"
coded="pl%40nted%2Fword-$mark"
user=planter-$mark # a token is a user name for some servers
mkdir "$work/www"
TOKEN="Basic $(printf '%s:%s' "$user" "$secret" | base64 -w0)" \
    "$abs_top_srcdir/tests/cli/web-server" "$work/www" "$work/log" >"$work/port" &
remember $!
await "the port of a server" test -s "$work/port"
port=$(cat "$work/port")
with="http://$user:$coded@127.0.0.1:$port"
without="http://127.0.0.1:$port"

git init -q -b main "$work/repo"
printf 'FROM scratch\nCOPY f /f\n' >"$work/repo/Dockerfile"
echo in git >"$work/repo/f"
git -C "$work/repo" add .
git -C "$work/repo" -c user.name=t -c user.email=t@example.org commit -qm one
git clone -q --bare "$work/repo" "$work/www/repo.git"
tar -cf "$work/www/context.tar" -C "$work/repo" Dockerfile f
echo served >"$work/www/file"
printf 'FROM scratch\nADD %s/private/file /f\n' "$with" >"$work/www/Dockerfile"
mkdir "$work/named"
printf 'FROM x\nFROM scratch\nCOPY --from=x /f /\n' >"$work/named/Dockerfile"
closed=$(free_port) # nobody listens

# what is looked for
python3 - "$secret" "$coded" "$user" >"$work/patterns" <<'END_PYTHON'
import base64, json, sys
secret, coded, user = sys.argv[1:]
every = "".join("%%%02X" % b for b in secret.encode())
for word in (secret, coded, user):
    b = word.encode()
    for text in (word, b.hex(), b.hex().upper(), json.dumps(word)[1:-1], every, every.lower()):
        print(text)
    # base64 of it, wherever in the bytes it begins
    for shift in range(3):
        middle = base64.b64encode(b"x" * shift + b)[4 if shift else 0:]
        print(middle[:len(middle) // 4 * 4 - 4].decode())
END_PYTHON
sort -u -o "$work/patterns" "$work/patterns"
[ "$(grep -c . "$work/patterns")" -ge 20 ] || fail "too few patterns"

looked=0
# look WHAT FILE...
look() {
    what=$1
    shift
    looked=$((looked + 1))
    # 2: something could not be read, whatever else was found
    grepped=0
    grep -raFoh -f "$work/patterns" "$@" >"$work/found" 2>"$work/unread" || grepped=$?
    [ $grepped -le 1 ] || { cat "$work/unread" >&2; fail "$executor: $what: could not be looked through"; }
    [ $grepped = 1 ] || {
        grep -raFl -f "$work/patterns" "$@" >&2
        sed 's/^/  | /' "$work/found" | sort | uniq -c >&2
        fail "$executor: $what: a planted word"
    }
}
# everywhere WHAT: after a build
everywhere() {
    look "$1: what was printed" "$work/out" "$work/err"
    look "$1: the store" "$store"
    for made in "$own/tree" "$own/image.tar" "$own/metadata"; do
        [ ! -e "$made" ] || look "$1: ${made##*/}" "$made"
    done
    rm -rf "$own/tree" "$own/image.tar" "$own/metadata"
}
# once STATUS FLAG...: by each display
displays="plain rawjson tty"
once() {
    once_status=$1
    shift
    for display in $displays; do
        got=0
        timeout 120 "$abs_top_builddir/tenon-dev" -D --root "$store" build --progress=$display --explain --no-cache \
            --build-context "$base" --metadata-file "$own/metadata" "$@" </dev/null >"$work/out" 2>"$work/err" || got=$?
        [ $got != 2 ] || got=1 # wrong usage is a failure, too
        [ $got = "$once_status" ] || { cat "$work/err" >&2; fail "$executor: status $got instead of $once_status: $*"; }
        everywhere "$display $*"
    done
}

builds() {
    [ $executor = native ] || displays=plain # sources are the same, whoever runs the steps
    # contexts and build files, which are found
    once 0 -o "type=local,dest=$own/tree" "$with/git/repo.git"
    once 0 -o "type=oci,dest=$own/image.tar,compression=uncompressed" "$with/private/context.tar"
    once 0 -o "type=local,dest=$own/tree" -f "$with/Dockerfile" "$context"
    once 0 -o "type=local,dest=$own/tree" -f "$without/Dockerfile?token=$coded" "$context"
    once 0 -o "type=local,dest=$own/tree" --build-context "x=$with/git/repo.git" "$work/named"

    # and which are not
    for place in "$with/git/none.git" "$with/git/repo.git#none" "$with/none.tar" "$with/git/repo.git#main:none" \
        "http://$user:$coded@127.0.0.1:$closed/git/repo.git" "http://$user:$coded@127.0.0.1:$closed/context.tar" \
        "$with/to/$with/none.tar" "$with/moved/moved/moved/moved/moved/moved/moved/moved/moved/moved/moved/moved/file.tar" \
        "$without/none.tar?access_token=$coded" "$without/to/$with/none.tar" "ftp://$user:$coded@127.0.0.1/x.git" \
        "$without/git/none.git?token=$coded"; do
        once 1 -o type=cacheonly "$place"
    done
    for file in "$with/none" "http://$user:$coded@127.0.0.1:$closed/Dockerfile" "$with/to/$with/none" \
        "$without/none?sig=$coded"; do
        once 1 -o type=cacheonly -f "$file" "$context"
    done

    # ADD, its names, what is kept of it, and the excerpts of errors
    for line in "ADD $with/private/file /f" "ADD $with/git/repo.git /g" "ADD --keep-git-dir $with/git/repo.git /g" \
        "ADD $without/file?token=$coded /f" "ADD $with/private/file $with/git/repo.git /both/" \
        "ARG U=$with/private/file
ADD \$U /f"; do
        printf 'FROM base\n%s\n' "$line" >"$context/Dockerfile"
        once 0 -o "type=local,dest=$own/tree" "$context"
        once 0 -o "type=oci,dest=$own/image.tar,compression=uncompressed" "$context"
    done
    for line in "ADD $with/none /f" "ADD $with/git/none.git /g" "ADD $with/git/repo.git#none /g" \
        "ADD --checksum=sha256:$(printf %064d 0) $with/private/file /f" "ADD $without/none?token=$coded /f" \
        "ADD http://$user:$coded@127.0.0.1:$closed/f /f" "ADD $with/to/$with/none /f" "ADDD $with/f /f" \
        "ADD --chown=1:99999999999 $with/f /f" "COPY $with/f /f"; do
        printf 'FROM base\n%s\n' "$line" >"$context/Dockerfile"
        once 1 -o type=cacheonly "$context"
    done
    # a step that is given one as an argument: named with it, known by it in the store
    printf 'FROM base\nARG U\nRUN true "$U" && [ -n "%s" ]\nRUN true %s/f\n' "$with" "$with" >"$context/Dockerfile"
    once 0 -o "type=oci,dest=$own/image.tar,compression=uncompressed" --build-arg "U=$with/f" "$context"
    # One that failed is kept as it was, with its arguments and environment, for `tenon shell`,
    # in a store of its own here.
    printf 'FROM base\nARG U\nRUN false %s/f\n' "$with" >"$context/Dockerfile"
    kept=$store
    store=$own/store-failed
    for display in $displays; do
        run 1 tenon --root "$store" build --progress=$display --build-context "$base" -o type=cacheonly \
            --build-arg "U=$with/f" "$context"
        look "a failed step, $display" "$work/out" "$work/err"
    done
    store=$kept
    # what a cache had is explained
    printf 'FROM base\nARG U\nRUN echo one >/x\n' >"$context/Dockerfile"
    for path in a b; do
        run 0 tenon --root "$store" build --progress=plain --explain --build-context "$base" -o type=cacheonly \
            --build-arg "U=$with/$path" "$context"
        everywhere "explain $path"
    done
    assert_has "$work/err" "xxxxx"
    for verb in du "du -v" "du --format json" why "why --all RUN" "why --all --format json" images doctor; do
        run 0 tenon --root "$store" $verb
        everywhere "$verb"
    done

    # exports and caches
    for flag in "--cache-from type=registry,ref=$user:$coded@127.0.0.1:$closed/x" "--cache-to type=local,dest=$with" \
        "-t $with/x" "--build-context y=$with/none.tar" "--build-context docker-image://$user:$coded@127.0.0.1:$closed/x"; do
        got=0
        tenon --root "$store" build --progress=plain --build-context "$base" $flag "$context" </dev/null \
            >"$work/out" 2>"$work/err" || got=$?
        case $flag in --cache-from* | *docker-image*) ;; *) everywhere "$flag" ;; esac
    done
}
each_executor builds
[ $looked -ge 250 ] || fail "only $looked places were looked at"
