# lib.sh - sourced by the tests of builds without root, on top of that of
# tests/cli.  The test is root and makes users; what it tries it does as them.
: "${abs_top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd -P)}"
. "$abs_top_srcdir/tests/cli/lib.sh"
need_root
need useradd userdel usermod setpriv
grep -q '^ *0 *0 *4294967295$' /proc/self/uid_map || skip "needs all ids of the machine"
chmod 711 "$work"

at_exit=remove_users
. "$abs_top_srcdir/tests/rootless/users.sh"
