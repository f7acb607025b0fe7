#!/bin/sh
# Root runs with another user's environment, as through sudo: their configuration, docker's
# and its helpers run nothing as root; and what they left in /tmp for root to write to is
# not written to.
. "$(dirname "$0")/lib.sh"
need setpriv
chmod 755 "$work"
# "secret-of-the-test" as bcrypt has it: without a helper that knows it nothing is pushed.
echo 'user:$2b$05$abcdefghijklmnopqrstuu2hir4hxhqSzdkW1wYaCdjOyk2x8X6Wm' >"$work/htpasswd"
start_registry <<END
auth: {htpasswd: {realm: test, path: $work/htpasswd}}
END
printf 'FROM base\nCOPY probe /\nRUN --mount=type=cache,target=/c env\n' >"$context/Dockerfile"

ran=$work/ran # whose program ran
cat >"$work/evil" <<END
#!/bin/sh
echo evil >>$ran
exit 1
END
chmod 755 "$work/evil"

# another_home: of another user; sets other
another_home() {
    other=$work/other
    rm -rf "$other" "$ran"
    mkdir -p "$other/.config/tenon" "$other/.docker" "$other/bin" "$other/.config/containers"
    cp "$work/evil" "$other/bin/evil"
    cp "$work/evil" "$other/bin/docker-credential-evil"
    printf '{"executor": "oci", "plugins": {"executor-oci": {"runtime": "%s"}}}\n' "$other/bin/evil" \
        >"$other/.config/tenon/tenon.json"
    printf '{"credsStore": "evil", "proxies": {"default": {"httpProxy": "http://evil-proxy:1"}}}\n' \
        >"$other/.docker/config.json"
    cp "$other/.docker/config.json" "$other/.config/containers/auth.json"
    chown -R 65534:65534 "$other"
}
nothing_ran() {
    [ ! -e "$ran" ] || fail "$1: another's program ran as root"
    assert_lacks "$work/err" evil-proxy
}
# as_root STATUS VARIABLE=VALUE...: a build that pushes, so credentials are asked for
as_root() {
    wanted_status=$1
    shift
    run "$wanted_status" env -u TENON_CONFIG "$@" "$abs_top_builddir/tenon-dev" --root "$store" build --progress=plain \
        --no-cache --build-context "$base" -o "type=image,name=$registry/x:1,push=true" "$context"
}

# ---- $HOME, XDG_CONFIG_HOME, TENON_CONFIG
another_home
for place in "HOME=$other" "XDG_CONFIG_HOME=$other/.config"; do
    as_root 1 "$place"
    nothing_ran "$place"
    assert_has "$work/err" "is ignored as root: configuration refused: "
done
as_root 1 "TENON_CONFIG=$other/.config/tenon/tenon.json"
nothing_ran TENON_CONFIG
assert_has "$work/err" "belongs to uid 65534"
# by a name that begins as one of root's, and before it is there
for place in "/dev/fd/../root$other/.config/tenon/tenon.json" "$other/.config/tenon/soon.json"; do
    as_root 1 "TENON_CONFIG=$place"
    nothing_ran "$place"
    assert_has "$work/err" "belongs to uid 65534"
done
run 1 tenon --config "$other/.config/tenon/tenon.json" build "$context"
assert_has "$work/err" "configuration refused"
# root's own, where others may put another
mkdir -p "$work/open/tenon"
cp "$other/.config/tenon/tenon.json" "$work/open/tenon/"
for open in "$work/open" "$work/open/tenon" "$work/open/tenon/tenon.json"; do
    for mode in go+w g+w o+w; do
        chmod $mode "$open"
        as_root 1 "TENON_CONFIG=$work/open/tenon/tenon.json"
        nothing_ran "$open $mode"
        assert_has "$work/err" "others may write to $open"
        chmod go-w "$open"
    done
done
as_root 1 "TENON_CONFIG=$work/open/tenon/tenon.json" # root's alone: it is obeyed
[ -e "$ran" ] || fail "the trial tries nothing"
rm "$ran"
# by a link of another
ln -s "$work/open/tenon/tenon.json" "$work/open/link.json"
chown -h 65534 "$work/open/link.json"
as_root 1 "TENON_CONFIG=$work/open/link.json"
nothing_ran "a link"

# ---- docker's configuration, podman's, and PATH
another_home
as_root 1 "DOCKER_CONFIG=$other/.docker"
nothing_ran DOCKER_CONFIG
assert_has "$work/err" "credential helpers not asked: "
assert_has "$work/err" "proxies not taken: "
as_root 1 "REGISTRY_AUTH_FILE=$other/.docker/config.json"
nothing_ran REGISTRY_AUTH_FILE
as_root 1 "HOME=$other" "PATH=$other/bin:$PATH"
nothing_ran "HOME and PATH"
mkdir "$work/mine"
echo '{"credsStore": "evil"}' >"$work/mine/config.json"
as_root 1 "DOCKER_CONFIG=$work/mine" "PATH=$other/bin:$PATH"
nothing_ran "PATH"
assert_has "$work/err" "credential helper passed over"
# helpers look into the home
as_root 1 "DOCKER_CONFIG=$work/mine" "HOME=$other" "PATH=$work/mine:$PATH"
nothing_ran "a helper of root in another's home"
# what only names credentials is used: they are its owner's
another_home
printf '{"auths": {"%s": {"auth": "%s"}}}\n' "$registry" "$(printf 'user:secret-of-the-test' | base64)" >"$other/.docker/config.json"
as_root 0 "DOCKER_CONFIG=$other/.docker"
assert_lacks "$work/err" "as root"

# ---- what waits in a directory for everybody, for root and for a user
# plant KIND NAME
plant() {
    case $1 in
    link) ln -s "$led_to/kept" "$everybody/$2" ;;
    dangling) ln -s "$led_to/new" "$everybody/$2" ;;
    dir) ln -s "$led_to/dir" "$everybody/$2" ;;
    file) echo theirs >"$everybody/$2" ;;
    fifo) mkfifo "$everybody/$2" ;;
    esac
    chown -h 65534 "$everybody/$2"
}
refused() { # FLAG...
    run 2 "$abs_top_builddir/tenon-dev" --root "$own/store" build --progress=plain --build-context "$base" "$@" "$context"
    target_untouched
    assert_eq "$led_to_before" "$(find "$led_to" -printf '%p %y %m %U %n %T@ %s\n' | sort)"
}
everybodys() {
    everybody=$work/everybody-$as made=$work/everybody-$as/made
    mkdir "$everybody"
    chmod 1777 "$everybody"
    # What the kernel would let them write to, were it not for the link.
    led_to=$own/led-to
    mkdir -p "$led_to/dir"
    echo kept >"$led_to/kept"
    chown -R $whose "$led_to"
    led_to_before=$(find "$led_to" -printf '%p %y %m %U %n %T@ %s\n' | sort)
    for kind in link dangling file fifo; do
        plant $kind made
        [ $kind != file ] || chmod 666 "$made"
        [ $kind != fifo ] || chmod 666 "$made"
        for flag in "--iidfile $made" "--metadata-file $made" "-o type=oci,dest=$made" "-o type=docker,dest=$made" "-o type=tar,dest=$made"; do
            refused $flag
            assert_has "$work/err" "was put by "
        done
        rm "$made"
    done
    plant dir made
    for flag in "--iidfile $made/id" "--metadata-file $made/meta" "-o type=local,dest=$made" "-o type=local,dest=$made/new" "-o type=oci,dest=$made/x.tar"; do
        refused $flag
    done
    rm "$made"
    # One's own there is replaced, and a directory of another is what it is.
    echo old >"$made"
    mkdir -m 777 "$everybody/theirs"
    chown 65534 "$everybody/theirs"
    chown $whose "$made"
    run 0 "$abs_top_builddir/tenon-dev" --root "$own/store" build --progress=plain --build-context "$base" --iidfile "$made" \
        -o "type=oci,dest=$everybody/theirs/x.tar" "$context"
    assert_has "$made" sha256:
    # And a link of one's own is followed.
    ln -s "$led_to/dir" "$everybody/mine"
    chown -h $whose "$everybody/mine"
    run 0 "$abs_top_builddir/tenon-dev" --root "$own/store" build --progress=plain --build-context "$base" \
        -o "type=tar,dest=$everybody/mine/x.tar" "$context"
    [ -s "$led_to/dir/x.tar" ] || fail "nothing was written behind a link of one's own"
}
[ "${SECURITY_AS-root}" != root ] || everybodys
if become_user; then
    everybodys
    become_root
fi
