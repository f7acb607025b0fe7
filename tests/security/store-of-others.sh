#!/bin/sh
# A store that others prepared, can write to or could read: they learn nothing from it, stop
# no build by a lock, and put nothing into it that a build would believe; and no link that
# lies in it leads the build elsewhere.
. "$(dirname "$0")/lib.sh"
need setpriv
outsider() { setpriv --reuid=65534 --regid=65534 --clear-groups -- "$@"; }
chmod 755 "$work"

dockerfile <<'END'
ARG WORD
RUN echo "$WORD"
END

# tries_to_read ROOT: all that an outsider can open of it
tries_to_read() {
    outsider find "$1" -type f -exec cat {} + 2>/dev/null >"$work/read" || :
    ! grep -aF "$word" "$work/read" || fail "$executor: an outsider reads a store"
    outsider find "$1" -mindepth 1 -maxdepth 1 -readable 2>/dev/null >"$work/readable" || :
    [ ! -s "$work/readable" ] || { cat "$work/readable" >&2; fail "$executor: parts that others can open"; }
}

# locks ROOT: takes what locks an outsider can get on the database's files, until the test ends
cat >"$work/lock.c" <<'END_C'
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
int main(int argc, char **argv)
{
    static const char *const names[] = { "tenon.db", "tenon.db-wal", "tenon.db-shm" };
    static const int starts[] = { 120, 121, 122, 123, 0x40000000 };
    int held = 0;
    if (argc < 2 || chdir(argv[1]) < 0)
        return 1;
    for (int i = 0; i < 6; i++) {
        int fd = open(names[i / 2], i % 2 ? O_RDWR : O_RDONLY);
        for (int s = 0; fd >= 0 && s < 5; s++)
            for (int how = 0; how < 2; how++) {
                struct flock l = { .l_type = how ? F_WRLCK : F_RDLCK, .l_start = starts[s], .l_len = 1 };
                held += fcntl(fd, F_SETLK, &l) == 0;
            }
    }
    printf("%d\n", held);
    fflush(stdout);
    return held ? pause() : 0;
}
END_C
cc -O1 -static -o "$work/lock" "$work/lock.c" || fail "the locker does not compile"

readable() {
    chmod 755 "$own" # so that others can get at what is in it
    word=said-$executor-$mark
    for mask in 000 022 077; do
        store=$own/store-$executor-$mask
        mkdir "$store"
        chown $whose "$store"
        chmod 755 "$store"
        umask $mask
        try 0 --build-arg "WORD=$word"
        umask 022
        assert_said "$word"
        tries_to_read "$store"
    done
    # one of before, whose files are open to all
    chmod 644 "$store"/tenon.db*
    chmod 777 "$store/snapshots" "$store/content" "$store/tmp" "$store/locks" "$store/logs"
    try 0 --build-arg "WORD=$word"
    tries_to_read "$store"
    outsider "$work/lock" "$store" >"$work/locks" &
    remember $!
    await_line "$work/locks" '^[0-9]'
    assert_eq 0 "$(cat "$work/locks")"
    try 0 --build-arg "WORD=$word-again"
    assert_said "$word-again"
}

refused() { # WHAT TEXT
    run 1 build "$store" --build-context "$base" -o type=cacheonly "$context"
    assert_has "$work/err" "store refused: "
    assert_has "$work/err" "$2"
    target_untouched
}

prepared() {
    # of another user, or for everybody
    store=$own/prepared-$executor
    mkdir "$store"
    chown 65534 "$store"
    for mode in $([ $as = user ] || echo 700 755) 777 1777; do # (those are closed to a user)
        chmod $mode "$store"
        refused "mode $mode" "belongs to uid 65534"
        assert_eq "" "$(ls -A "$store")"
    done
    chown $whose "$store"
    chmod 1777 "$store"
    refused "for everybody" "others may write to"
    echo "another's" >"$store/file"
    chmod 777 "$store"
    refused "with other things in it" "others may write to"
    assert_eq 777 "$(stat -c %a "$store")"
    # an empty one is closed, and so is a store
    rm "$store/file"
    try 0
    assert_eq 755 "$(stat -c %a "$store")"
    chmod 777 "$store"
    try 0
    assert_eq 755 "$(stat -c %a "$store")"
    ! outsider mv "$store/snapshots" "$store/elsewhere" 2>/dev/null || fail "$executor: an outsider renames"

    # parts that are not ours, or links
    for part in content content/blobs snapshots cache-mounts logs tmp locks tenon.db tenon.db-wal tenon.db-shm; do
        [ -e "$store/$part" ] || continue
        chown 65534 "$store/$part"
        refused "$part of another" "$store/$part belongs to uid 65534"
        chown $whose "$store/$part"
    done
    for part in content content/blobs snapshots cache-mounts logs tmp locks tenon.db; do
        rm -rf "$own/fresh" && mkdir "$own/fresh"
        store=$own/fresh
        mkdir -p "$(dirname "$store/$part")"
        chown -R $whose "$store"
        ln -s "$target/dir" "$store/$part"
        refused "$part is a link" "$part is a link"
    done
    # a database elsewhere, which is not there yet
    rm -rf "$own/fresh" && mkdir "$own/fresh"
    ln -s "$target/newdb" "$own/fresh/tenon.db"
    chown -R -h $whose "$own/fresh"
    refused "a database elsewhere" "tenon.db is a link"
    rm -rf "$own/fresh"

    # a link in a directory for everybody
    mkdir "$work/shared"
    chmod 1777 "$work/shared"
    led_to=$target/dir
    [ $as = root ] || { led_to=$own/led-to; mkdir "$led_to"; chown $whose "$led_to"; }
    ln -s "$led_to" "$work/shared/store"
    chown -h 65534 "$work/shared/store"
    store=$work/shared/store
    run 1 build "$store" --build-context "$base" -o type=cacheonly "$context"
    assert_has "$work/err" "was put by "
    target_untouched
    [ $as = root ] || rmdir "$led_to" # still empty
    rm -rf "$work/shared"
    store=$own/prepared-$executor
}
each_executor readable
each_executor prepared
