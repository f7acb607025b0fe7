#!/bin/sh
# Modules that are an ordinary user's: with umask 002 the group that the user is alone in may write to
# them; one that others are in may not, whatever it is called.
. "$(dirname "$0")/lib.sh"
need getent groupadd groupdel
make_user alice one
make_user bob one
group=tg$$
remove_groups() { # a user's own stays where it has a member
    for left in "$group" "$alice"; do
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
