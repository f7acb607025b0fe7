#!/bin/sh
# Modules that are an ordinary user's: with umask 002 the group that the user is alone in may write to
# them; one that others are in may not, whatever it is called.
. "$(dirname "$0")/lib.sh"
need getent groupadd groupdel
make_user alice one
make_user bob one
group=tg$$
remove_groups() { # a user's own stays where it has a member
    for left in "$group" "$group-too" "$alice"; do
        ! getent group "$left" >/dev/null || patiently groupdel "$left" || :
    done
}
at_exit="$at_exit remove_groups"
patiently groupadd "$group" || fail "groupadd"

home=$work/$alice
lib=$abs_top_builddir/.libs/mount-secret.so
as "$alice" sh -c 'umask 002 && mkdir plugins'
install -m 664 -o "$alice" -g "$alice" "$lib" "$home/plugins/mount-secret.so"
chmod 775 "$home"
# Not tenon-dev, whose own plugins come first.
plugin() { as "$alice" "${program%/*}/tenon" --plugin-dir "$home/plugins" plugins secret; }
refused() { # WHY
    run 1 plugin
    assert_has "$work/err" "others may write to $home"
}

run 0 plugin

# Another is in the group: listed, or with that group as the first one.
patiently usermod -a -G "$alice" "$bob" || fail "usermod"
refused "a member"
patiently usermod -G "" "$bob" || fail "usermod"
run 0 plugin
patiently usermod -g "$alice" "$bob" || fail "usermod"
refused "another user's first group"
patiently usermod -g "$bob" "$bob" || fail "usermod"
run 0 plugin

# The kernel knows numbers: a second group of the same one has members, or is there at all.
patiently groupadd -o -g "$(getent group "$alice" | cut -d: -f3)" "$group-too" || fail "groupadd"
refused "a second name"
patiently usermod -a -G "$group-too" "$bob" || fail "usermod"
refused "a member by a second name"
patiently groupdel -f "$group-too" || fail "groupdel"
run 0 plugin

# An access control list lets another write, of the module or a directory; the mode shows its mask.
# acl FILE: bob may write to it
acl() {
    python3 - "$1" "$(id -u "$bob")" <<'END'
import os, struct, sys
rows = ((1, 7, -1), (2, 7, int(sys.argv[2])), (4, 5, -1), (16, 7, -1), (32, 5, -1))
os.setxattr(sys.argv[1], "system.posix_acl_access", struct.pack("<I", 2) + b"".join(
    struct.pack("<HHI", tag, may, who & 0xffffffff) for tag, may, who in rows))
END
}
no_acl() { python3 -c 'import os, sys; os.removexattr(sys.argv[1], "system.posix_acl_access")' "$1"; }
if can_try "access control lists" python3; then
    for place in "$home/plugins/mount-secret.so" "$home/plugins"; do
        if ! acl "$place" 2>"$work/err"; then
            not_tried "access control lists: $(tail -n 1 "$work/err")"
            break
        fi
        refused "$place"
        no_acl "$place"
        run 0 plugin
    done
fi

# It is the first one of the user's, but has another name: all users may have it.
chgrp "$group" "$home/plugins/mount-secret.so"
refused "a group of nobody's"
patiently usermod -g "$group" "$alice" || fail "usermod"
chgrp "$group" "$home" "$home/plugins"
refused "a first group that is not the user's own"
patiently usermod -g "$alice" "$alice" || fail "usermod"
chgrp "$alice" "$home" "$home/plugins" "$home/plugins/mount-secret.so"
run 0 plugin

# Everybody may not.
chmod 666 "$home/plugins/mount-secret.so"
refused "everybody"
