# jobs.sh - sourced by run: what is run in the machine.

# Emulation is some 20 times slower than a processor: these are the tests in which a
# kernel can make a difference, not those of text and bytes, nor those that try a
# hundred names one by one (leaked-descriptors, workdir-through-proc: 130 builds).
vm_cli="old-kernel executors sandbox insecure devices network resources processes failures
    mount-bind mount-cache mount-cache-sharing mount-secret mount-ssh mount-targets
    oci-runtime cache prune-du doctor shell errors ignored-tree"
vm_security="host-devices ids-of-steps users-of-the-machine stub-removal-symlink proc-self-exe-rewrite groups-and-capabilities
    denied-by-the-sandbox frontend-privileges mount-symlink-race"
vm_rootless="store steps sandbox one-id network kill9 container"
vm_fault="kill9 once ctrl-c full-disk secrets"

job() { printf '%s\t%s\t%s\n' "$1" "$2" "$3"; } # NAME SECONDS COMMAND

scripts() { # KIND SECONDS NAME...
    kind=$1
    seconds=$2
    shift 2
    for t; do
        job "$kind/$t" "$seconds" "sh $top/tests/$kind/$t.sh"
    done
}

all_jobs() {
    for t in $(make -C "$build" -s --no-print-directory print-tests AREA=unit); do
        case $t in *.sh) ;; *) job "unit/${t#tests/*/}" 900 "exec $t" ;; esac
    done
    scripts rootless 1800 $vm_rootless
    scripts security 3600 $vm_security
    scripts cli 1800 $vm_cli
    for t in $vm_fault; do
        job "fault/$t" 1800 "FAULT_ROUNDS=2 sh $top/tests/fault/$t.sh"
    done
    for e in native runc crun; do
        job "conformance/root-$e" 3600 "$top/tests/vm/cases root $e ${case_count-}"
        job "conformance/user-$e" 3600 "$top/tests/vm/cases user $e ${case_count-}"
    done
}
