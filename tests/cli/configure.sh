#!/bin/sh
# What configure refuses before it looks at the machine.
. "$(dirname "$0")/lib.sh"
[ -x "$abs_top_srcdir/configure" ] || skip "there is no configure"
mkdir "$work/build"
cd "$work/build"

run 1 sh "$abs_top_srcdir/configure" --disable-plugin-mount-shh
assert_has "$work/err" "--disable-plugin-mount-shh: there is no such plugin"
run 1 sh "$abs_top_srcdir/configure" --disable-plugin-mount-ssh --enable-plugin-gitt
assert_has "$work/err" "--enable-plugin-gitt: there is no such plugin"
assert_lacks "$work/err" "mount-ssh"
assert_no_file config.h
