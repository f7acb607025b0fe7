#!/bin/sh
# A user without ranges: what needs one id is built; what needs more ends with an
# error that names the command which helps, and with ranges it is built then.  What
# was made with one id is not taken for what is made with more.
. "$(dirname "$0")/lib.sh"
make_user alice one
public_bases

mkdir "$work/context"
echo content >"$work/context/file"
cd "$work/context"
printf 'FROM base\nCOPY file /file\nRUN id -u >/id && adduser -h /x -D me 2>/dev/null; stat -c "home %%u:%%g" /home/app\n' >plain
printf 'FROM base\nCOPY --chown=1000:1002 file /file\n' >chown
printf 'FROM base\nUSER app\nRUN true\n' >user
printf 'FROM base\nRUN --mount=type=cache,target=/c,uid=7 true\n' >cache
printf 'FROM base\nRUN --mount=type=secret,id=s,uid=7 true\n' >secret
printf 'FROM base\nUSER 7\nWORKDIR /made\n' >workdir
printf 'FROM base\nRUN chown 5:5 /bin/sh\n' >step
mkdir tree && echo x >tree/x && tar --owner=5 --group=6 -cf tree.tar tree
printf 'FROM base\nADD tree.tar /t\n' >archive
cd "$OLDPWD"
chmod -R go+rX "$work/context"
echo secret >"$work/$alice/s"
chown "$alice" "$work/$alice/s"
build() { # FILE
    tenon_as "$alice" build --progress=plain,detail=short --build-context "$base" --secret id=s,src=s \
        -f "$work/context/$1" -o type=cacheonly "$work/context"
}

run 0 build plain
assert_has "$work/err" "home 0:0"
assert_has "$work/err" "one id to build with: "
assert_file "$work/$alice/.local/share/tenon/one-id/tenon.db"
# What one id makes belongs to the user: it goes by rm.
assert_eq "" "$(of_others "$alice" "$work/$alice/.local")"

for file in chown user cache secret workdir step archive; do
    run 1 build $file
    assert_has "$work/err" "one id to build with"
    grep -q "sudo usermod --add-subuids [0-9]*-[0-9]* --add-subgids [0-9]*-[0-9]* $alice\$" "$work/err" ||
        { sed 's/^/  | /' "$work/err" >&2; fail "no advice for $file"; }
done

can_try "ranges of ids" newuidmap || exit 0
told=$(sed -n 's/.*sudo \(usermod .*\)/\1/p' "$work/err")
patiently $told
for file in chown user cache secret workdir step archive plain; do
    run 0 build $file
done
assert_has "$work/err" "home 1000:1000"
