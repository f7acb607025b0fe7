#!/bin/sh
# Files of the web: ADD URL and contexts, what is asked of the server when they
# did not change, names, times, checksums, secrets and errors.
. "$(dirname "$0")/lib.sh"
need python3 tar
need_root

mkdir "$work/www" "$work/context"
TOKEN='Bearer secret-of-the-test' \
    "$abs_top_srcdir/tests/cli/web-server" "$work/www" "$work/log" >"$work/port" &
remember $!
await "the port of a server" test -s "$work/port"
url=http://127.0.0.1:$(cat "$work/port")

echo hello >"$work/www/file.txt"
touch -d @1500000000 "$work/www/file.txt"
: >"$work/log"

# build OUT: the Dockerfile on standard input, its files in $work/OUT.
build() {
    out=$1
    shift
    { echo 'FROM scratch'; cat; } >"$work/context/Dockerfile"
    rm -rf "${work:?}/$out"
    tenon build --progress=plain -o "type=local,dest=$work/$out" "$@" "$work/context"
}
requests() { grep -c "$1" "$work/log" || :; }

# Name, mode and time.
run 0 build one <<END
ADD $url/file.txt /
END
assert_eq "$(cat "$work/one/file.txt")" hello
assert_eq "$(stat -c '%a %Y' "$work/one/file.txt")" "600 1500000000"
assert_eq "$(requests 'GET /file.txt 200')" 1

# The second time the server is asked, and the body is not sent again.
run 0 build one <<END
ADD $url/file.txt /
END
assert_eq "$(requests 'HEAD /file.txt 304')" 1
assert_eq "$(requests 'GET /file.txt')" 1
assert_eq CACHED "$(step_ended "$work/err" "ADD $url/file.txt")"

# It changed: asked by HEAD, got by GET.
echo changed >"$work/www/file.txt"
run 0 build one <<END
ADD $url/file.txt /
END
assert_eq "$(cat "$work/one/file.txt")" changed
assert_eq "$(requests 'GET /file.txt 200')" 2

# Without ETags it is loaded each time, and cached all the same.
run 0 build two <<END
ADD $url/plain/file.txt /
END
run 0 build two <<END
ADD $url/plain/file.txt /
END
assert_eq "$(requests 'GET /plain/file.txt 200')" 2
assert_eq CACHED "$(step_ended "$work/err" "ADD $url/plain/file.txt")"

# The URL names the file, through redirects too, and --checksum needs no
# question once the file is there.
sum=$(sha256sum "$work/www/file.txt" | cut -d' ' -f1)
run 0 build three <<END
ADD --checksum=sha256:$sum --chmod=644 $url/moved/file.txt /d/
END
assert_eq "$(stat -c %a "$work/three/d/file.txt")" 644
before=$(wc -l <"$work/log")
run 0 build three <<END
ADD --checksum=sha256:$sum --chmod=644 $url/moved/file.txt /d/
END
assert_eq "$(wc -l <"$work/log")" "$before"
wrong=$(echo wrong | sha256sum | cut -d' ' -f1)
run 1 build three <<END
ADD --checksum=sha256:$wrong $url/file.txt /
END
assert_has "$work/err" "digest mismatch sha256:$sum: sha256:$wrong"

# Errors.
run 1 build four <<END
ADD $url/nothing /
END
assert_has "$work/err" "invalid response status 404"
run 1 build four <<END
ADD http://user:secret-of-the-test@127.0.0.1:1/x /
END
assert_has "$work/err" "connection refused"

# Secrets go by the host's name; nothing of them shows.
run 1 build five <<END
ADD $url/private/file.txt /
END
assert_has "$work/err" "invalid response status 401"
printf 'secret-of-the-test\n' >"$work/token"
run 0 build five --secret "id=HTTP_AUTH_TOKEN_127.0.0.1,src=$work/token" <<END
ADD $url/private/file.txt /
END
assert_eq "$(cat "$work/five/file.txt")" changed
assert_lacks "$work/err" secret-of-the-test
printf 'Bearer secret-of-the-test' >"$work/header"
run 0 build five --no-cache --secret "id=HTTP_AUTH_HEADER_127.0.0.1,src=$work/header" <<END
ADD $url/private/file.txt /
END

# Contexts: an archive is unpacked, anything else is the Dockerfile.
mkdir "$work/c"
printf 'FROM scratch\nCOPY f /from-archive\n' >"$work/c/Dockerfile"
echo f >"$work/c/f"
tar -C "$work/c" -czf "$work/www/context.tar.gz" .
printf 'FROM scratch\nADD %s /alone\n' "$url/file.txt" >"$work/www/lone"
run 0 tenon build --progress=plain -o "type=local,dest=$work/six" "$url/context.tar.gz"
assert_eq "$(cat "$work/six/from-archive")" f
run 0 tenon build --progress=plain -o "type=local,dest=$work/seven" "$url/lone"
assert_eq "$(cat "$work/seven/alone")" changed
# A named one is the file as it is, called "context".
run 0 build eight --build-context "named=$url/file.txt" <<END
COPY --from=named context /named
END
assert_eq "$(cat "$work/eight/named")" changed

# What a client sends along is a file of its session, and no name of the web.
mkdir "$work/sent"
printf 'FROM scratch\nADD http://buildkit-session/upload /sent\n' >"$work/sent/Dockerfile"
tar -C "$work/sent" -cf "$work/sent.tar" .
run 0 tenon build --progress=plain -o "type=local,dest=$work/nine" - <"$work/sent.tar"
cmp "$work/sent.tar" "$work/nine/sent"
run 0 tenon build --progress=plain -o "type=local,dest=$work/nine" - <"$work/sent.tar"
assert_eq CACHED "$(step_ended "$work/err" "ADD http://buildkit-session/upload")"
# Other directories of the session are no uploads.
echo sent >"$work/context/context"
for name in none context; do
    run 1 build nine <<END
ADD http://buildkit-session/$name /
END
    assert_has "$work/err" "upload \"$name\": there is none"
done
