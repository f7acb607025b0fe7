#!/bin/sh
# tenon plugin check: good plugins pass, and each mistake is found by the check that is for it.
. "$(dirname "$0")/lib.sh"
need jq "${CC:-cc}"
chmod 755 "$work"
umask 022

# Those of the tree have nothing to be said about.
run 0 tenon plugin check --strict "$abs_top_builddir"/.libs/*-*.so
assert_lacks "$work/out" "warning "
assert_lacks "$work/out" "failed "
[ "$(grep -c ' 0 failed' "$work/out")" -ge 20 ] || fail "fewer than 20 plugins were tried"

# made NAME FLAG...: a plugin with this mistake, at $work/NAME/mount-bad.so.
made() {
    mkdir "$work/$1"
    so=$work/$1/mount-bad.so
    shift
    ${CC:-cc} -shared -fPIC -fvisibility=hidden -Wl,-z,lazy -I"$abs_top_srcdir/core/include" "$@" -o "$so" \
        "$abs_top_srcdir/tests/cli/plugin-check.c" || fail "plugin-check.c $*"
}
# finds CHECK TEXT [FLAG...]: it fails, and the text is in what that check says.
finds() {
    check=$1 text=$2
    shift 2
    run 1 tenon plugin check --format json "$@" "$so"
    jq -e --arg check "$check" --arg text "$text" '.failed > 0 and
        any(.checks[]; .name == $check and .outcome == "failed" and (.text | contains($text)))' \
        "$work/out" >/dev/null || { cat "$work/out" >&2; fail "$check does not say \"$text\""; }
}
# warns CHECK TEXT: the same of a warning, which fails with --strict alone.
warns() {
    run 0 tenon plugin check "$so"
    grep -q "^warning  $1: .*$2" "$work/out" || { cat "$work/out" >&2; fail "$1 does not warn of \"$2\""; }
    run 1 tenon plugin check --strict "$so"
}

made good
run 0 tenon plugin check --strict -v "$so"
assert_has "$work/out" "ok       use"
assert_has "$work/out" "ok       option-name-hostile"
assert_has "$work/out" "ok       use-fault-1"
assert_lacks "$work/out" use-fault-2
assert_has "$work/out" "ok       use-parallel"
good=$so
run 0 tenon plugin check "$so"
assert_eq 1 "$(wc -l <"$work/out")"

# A link is what the loader sees: the name is its own, and where it leads is looked at, too.
mkdir "$work/linked"
cp "$good" "$work/linked/real"
ln -s real "$work/linked/mount-bad.so"
run 0 tenon plugin check --strict "$work/linked/mount-bad.so"
chmod 666 "$work/linked/real"
so=$work/linked/mount-bad.so
finds permissions "is a link to"

# The file.
so=$work/bad.so
cp "$good" "$so"
finds file-name-kind "bad.so"
so=$work/mount-other.so
cp "$good" "$so"
finds exports-its-symbol mount_other_LTX_tenon_plugin_query
mkdir "$work/open" "$work/cut"
so=$work/open/mount-bad.so
install -m 666 "$good" "$so"
finds permissions "others may write"
so=$work/cut/mount-bad.so
head -c 9000 "$good" >"$so"
finds shared-object "cut off"
echo nonsense >"$so"
finds shared-object "no ELF file"
made search -Wl,-rpath,lib
finds library-path '"lib"'
made stack -Wl,-z,execstack
finds no-executable-stack executable
made exports -DBAD_EXPORTS
warns one-symbol bad_second_symbol
made symbol -DBAD_SYMBOL
finds all-symbols bad_not_there

# What it declares.
made policy -DBAD_POLICY
finds description key_policy
assert_eq skipped "$(jq -r '.checks[] | select(.name == "calls") | .outcome' "$work/out")"
made default -DBAD_DEFAULT
finds option-count-default many
made word -DBAD_WORD
finds option-target-name "something else"
made help -DBAD_HELP
warns option-count-help none

# What it does.
made exit -DBAD_EXIT
finds init-and-fini "ended the process in init"
made signal -DBAD_SIGNAL
finds same-signal-handlers SIGCHLD
made directory -DBAD_DIRECTORY
finds same-directory " /"
made config -DBAD_CONFIG
finds config-greeting-hostile SIGABRT
made required -DBAD_CONFIG -DBAD_REQUIRED # ... also beside one that has to be there
finds config-greeting-hostile SIGABRT
made crash -DBAD_CRASH
finds use "plugin mount-bad crashed in attach"
finds use-cancelled SIGSEGV # one crash hides nothing
made hang -DBAD_HANG
finds use "no answer within 1 s" --timeout 1
made deaf -DBAD_DEAF
finds use "no answer within 1 s" --timeout 1
made slow -DBAD_SLOW
run 0 tenon plugin check --strict --timeout 2 "$so" # of a call, not of all of them
made stray -DBAD_STRAY
finds use "descriptor that is not its own"
made left -DBAD_LEFT
mkdir "$work/temp"
TMPDIR=$work/temp finds use SIGKILL
assert_eq "" "$(ls "$work/temp")"
made positive -DBAD_POSITIVE
finds use "the answer is 7"
made silent -DBAD_SILENT
finds use "said nothing"
made print -DBAD_PRINT
finds quiet attached
made leak -DBAD_LEAK
finds use-closes-descriptors "20 uses"
for group in cancelled:use-cancelled fault:use-fault-1 option:option-name-hostile parallel:use-parallel; do
    made "leak-${group%:*}" "-DBAD_LEAK_$(echo "${group%:*}" | tr a-z A-Z)"
    finds "${group#*:}" "descriptors are left open"
done
made inherited -DBAD_INHERITED
finds use O_CLOEXEC
made option -DBAD_OPTION
finds option-name-hostile SIGABRT
made undeclared -DBAD_UNDECLARED
finds use SIGABRT
made cancelled -DBAD_CANCELLED
finds use-cancelled "said nothing"
made fault -DBAD_FAULT
finds use-fault-1 SIGSEGV

# A program that has more rights than its caller loads nothing that the caller names.
if [ "$(id -u)" = 0 ]; then
    install -m 2755 -g 7 "$abs_top_builddir/tenon" "$work/raised"
    run 1 "$work/raised" plugin check "$good"
    assert_has "$work/err" "raised privileges"
    assert_lacks "$work/out" checks
else
    not_tried "raised privileges: needs root"
fi

# A use that needs values; wrong usage.
run 1 tenon plugin check -o nmae=x "$good"
assert_has "$work/out" 'unknown option "nmae"'
run 0 tenon plugin check -o name=Ada "$good"
run 2 tenon plugin check
run 2 tenon plugin chekc "$good"
assert_has "$work/err" check
run 2 tenon plugin check --timeout 0 "$good"
run 1 tenon plugin check "$work/absent.so"
assert_has "$work/err" absent.so
