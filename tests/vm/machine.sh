# machine.sh - sourced: a virtual machine with another kernel and Debian's user land,
# emulated (no /dev/kvm), made of
#   disk 1  the root, from the list `packages`, kept in $vm_dir for the next time
#   disk 2  source tree and build tree as they are now, in the same places as here
#   disk 3  empty, for all that is written
#   share   a directory of ours, seen as /vm/share: jobs go in, results come out
# What it writes to disks 1 and 2 is gone when it ends.
#
# The caller has set top and build; see run.  All functions end the program when they
# cannot do what they are for.
here=$top/tests/vm
vm_dir=$build/vm
vm_suite=bookworm
vm_memory=${VM_MEMORY:-3072}
qemu= # process

vm_end() {
    [ -z "$qemu" ] || { kill "$qemu" 2>/dev/null && wait "$qemu" 2>/dev/null; } || :
    [ -z "${vm_scratch-}" ] || rm -rf "$vm_scratch"
}

vm_list() { sed 's/#.*//' "$here/$1" | tr -s ' \t\n' '\n\n\n' | sed '/^$/d'; }

# Not in scripts/packages: nothing else needs an emulator.
vm_packages() {
    set -- qemu-system-x86_64:qemu-system-x86 mmdebstrap:mmdebstrap mke2fs:e2fsprogs cpio:cpio \
        busybox:busybox-static dpkg-deb:dpkg
    missing=
    for p; do
        command -v "${p%%:*}" >/dev/null || missing="$missing ${p#*:}"
    done
    [ -n "$missing" ] || return 0
    say "installing:$missing"
    DEBIAN_FRONTEND=noninteractive apt-get -y -qq --no-install-recommends install $missing >/dev/null ||
        die "packages are missing:$missing"
}

# The programs of the build tree run there with that root's libraries.
vm_same_release() {
    [ "$(. /etc/os-release && echo "${VERSION_CODENAME-}")" = "$vm_suite" ] ||
        die "the build tree must be made on Debian $vm_suite, whose libraries the machine has"
}

# vm_mirror SUITE: where apt gets that release from.
vm_mirror() {
    apt-get indextargets --no-release-info --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' \
        'Identifier: Packages' | sed -n "s/^$1 main //p" | head -n 1
}

# vm_fetch_kernel SUITE: what linux-image-amd64 of that release stands for; sets package
# to its name and deb to its file, or to nothing when it is unpacked already.
vm_fetch_kernel() {
    uri=$(vm_mirror $vm_suite)
    [ -n "$uri" ] || die "apt knows no mirror of $vm_suite"
    apt=$vm_scratch/apt
    mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
    signed="[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]"
    echo "deb $signed $uri $1 main" >"$apt/sources.list"
    uri=$(vm_mirror $vm_suite-security)
    case $1 in
    *-*) ;;
    *) [ -z "$uri" ] || echo "deb $signed $uri $1-security main" >>"$apt/sources.list" ;;
    esac
    set -- "$1" -qq -o "Dir::Etc::SourceList=$apt/sources.list" -o Dir::Etc::SourceParts=- \
        -o "Dir::State::Lists=$apt/lists" -o "Dir::Cache=$apt/cache" -o APT::Sandbox::User=root
    suite=$1
    shift
    apt-get "$@" update || die "cannot read the list of $suite"
    package=$(apt-cache "$@" show linux-image-amd64 |
        sed -n 's/^Depends: \(linux-image-[^ ]*\).*/\1/p' | head -n 1)
    [ -n "$package" ] || die "$suite has no linux-image-amd64"
    deb=
    [ ! -d "$vm_dir/$package/boot" ] || return 0
    say "fetching $package"
    mkdir "$vm_scratch/deb"
    (cd "$vm_scratch/deb" && apt-get "$@" download "$package") || die "cannot fetch $package"
    deb=$(ls "$vm_scratch"/deb/*.deb)
}

# vm_kernel SUITE|FILE.deb: sets kernel to a directory with boot/ and lib/modules, and
# release to its release.
vm_kernel() {
    case $1 in
    *.deb)
        [ -f "$1" ] || die "no such file: $1"
        deb=$1
        package=$(dpkg-deb -f "$1" Package)
        ;;
    *) vm_fetch_kernel "$1" ;;
    esac
    kernel=$vm_dir/$package
    if [ ! -d "$kernel/boot" ]; then
        rm -rf "$kernel.new"
        dpkg-deb -x "$deb" "$kernel.new" || die "cannot unpack $deb"
        release=$(ls "$kernel.new"/lib/modules)
        busybox depmod -b "$kernel.new" "$release" || die "depmod"
        mv -T "$kernel.new" "$kernel"
    fi
    release=$(ls "$kernel"/lib/modules)
}

# vm_module_files NAME...: with those that they need, which come after them.
vm_module_files() {
    for m; do
        grep -E "(^|/)$m\.ko(\.xz)?:" "$kernel/lib/modules/$release/modules.dep" | tr -d ':' | tr ' ' '\n'
    done | sort -u
}

vm_initrd() {
    rm -rf "$vm_scratch/initrd"
    dir=$vm_scratch/initrd/lib/modules/$release
    mkdir -p "$dir" "$vm_scratch/initrd/bin"
    cp "$here/init" "$vm_scratch/initrd/init"
    chmod 755 "$vm_scratch/initrd/init"
    cp "$(command -v busybox)" "$vm_scratch/initrd/bin/busybox"
    vm_list modules >"$vm_scratch/initrd/modules"
    cp "$kernel/lib/modules/$release"/modules.dep "$dir/"
    for f in $(vm_module_files $(vm_list modules)); do
        mkdir -p "$(dirname "$dir/$f")"
        cp "$kernel/lib/modules/$release/$f" "$dir/$f"
    done
    (cd "$vm_scratch/initrd" && find . | cpio --quiet -o -H newc) >"$vm_scratch/initrd.img" || die "cpio"
}

# Sets root to the image; made when the list of packages changed.
vm_root() {
    root=$vm_dir/root-$vm_suite-$(vm_list packages | cksum | cut -d' ' -f1).img
    [ ! -s "$root" ] || return 0
    mirror=$(vm_mirror $vm_suite)
    [ -n "$mirror" ] || die "apt knows no mirror of $vm_suite"
    say "making the machine's root (some minutes)"
    rm -rf "$vm_dir"/root-*.img "$vm_dir/root"
    {
        for suite in $vm_suite $vm_suite-updates $vm_suite-security; do
            uri=$(vm_mirror $suite)
            [ -z "$uri" ] || echo "deb $uri $suite main"
        done
    } >"$vm_scratch/sources.list"
    mmdebstrap --quiet --mode=root --variant=minbase --aptopt='Acquire::Retries "3"' \
        --dpkgopt=force-unsafe-io --dpkgopt='path-exclude=/usr/share/man/*' \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
        --include="$(vm_list packages | paste -sd,)" $vm_suite "$vm_dir/root" \
        "$vm_scratch/sources.list" >"$vm_dir/mmdebstrap.log" 2>&1 ||
        { tail -n 20 "$vm_dir/mmdebstrap.log" >&2; die "mmdebstrap"; }
    vm_image "$root" "$vm_dir/root" 1024
    rm -rf "$vm_dir/root"
}

# vm_image FILE DIR MB: a file system with what is in DIR and MB more.
vm_image() {
    size=$(($(du -sm --apparent-size "$2" | cut -f1) * 5 / 4 + $3))
    rm -f "$1.new"
    mke2fs -q -t ext4 -m 0 -d "$2" "$1.new" "${size}M" >/dev/null || die "mke2fs"
    mv "$1.new" "$1"
}

vm_tree() {
    tree=$vm_scratch/tree
    mkdir -p "$tree/source" "$tree/build"
    # The paths of source and build tree may be one below the other.
    tar -C "$top" -cf - --exclude=./.git --exclude="./${build#"$top"/}" --exclude='./build*' . |
        tar -C "$tree/source" -xf -
    tar -C "$build" -cf - --exclude=./vm --exclude='*.o' --exclude='*.a' --exclude='*.log' \
        --exclude=./asan --exclude=./tsan --exclude=./tests/bases --exclude='./tests/debian-*' . |
        tar -C "$tree/build" -xf -
    cp "$here/guest" "$tree/guest"
    printf "source='%s'\nbuild='%s'\n" "$top" "$build" >"$tree/paths"
    vm_image "$vm_scratch/tree.img" "$tree" 512
    rm -rf "$tree"
}

# vm_boot SHARE [SECONDS]: returns when the machine is off; its console is in
# SHARE/console.  With VM_SHELL it is the terminal.
vm_boot() {
    truncate -s 12G "$vm_scratch/scratch.img"
    mke2fs -q -t ext4 -m 0 "$vm_scratch/scratch.img" || die "mke2fs"
    console=file:$1/console
    [ -z "${VM_SHELL-}" ] || console=mon:stdio
    # Without the processor's own weaknesses, whose remedies an emulator pays for dearly.
    set -- "$1" "${2:-7200}" \
        -accel tcg,thread=multi -cpu max,la57=off -smp 2 -m "$vm_memory" -no-reboot -nodefaults \
        -display none -serial "$console" -kernel "$kernel/boot/vmlinuz-$release" \
        -initrd "$vm_scratch/initrd.img" \
        -append "console=ttyS0 panic=-1 quiet mitigations=off tsc=reliable apparmor=1 security=apparmor ${VM_APPEND-}" \
        -drive "file=$root,format=raw,if=virtio,snapshot=on,cache=unsafe" \
        -drive "file=$vm_scratch/tree.img,format=raw,if=virtio,cache=unsafe" \
        -drive "file=$vm_scratch/scratch.img,format=raw,if=virtio,cache=unsafe" \
        -virtfs "local,path=$1,mount_tag=share,security_model=none" -device virtio-rng-pci
    share=$1
    limit=$2
    shift 2
    if [ -n "${VM_SHELL-}" ]; then
        nice -n 5 qemu-system-x86_64 "$@"
        return
    fi
    nice -n 5 qemu-system-x86_64 "$@" &
    qemu=$!
    waited=0
    while kill -0 $qemu 2>/dev/null; do
        [ $waited -lt "$limit" ] || { say "the machine takes longer than $limit s; it is ended"; kill $qemu; break; }
        sleep 1
        waited=$((waited + 1))
        vm_tick
    done
    wait $qemu || say "the emulator ended with status $?"
    qemu=
}

vm_tick() { :; } # called once a second; the caller may have its own
