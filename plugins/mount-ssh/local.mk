# mount-ssh.so; once there are sources, take the '#' away:
#
#if PLUGIN_MOUNT_SSH
#pluginexec_LTLIBRARIES += mount-ssh.la
#endif
#mount_ssh_la_SOURCES = %D%/ssh.c
#mount_ssh_la_LDFLAGS = $(PLUGIN_LDFLAGS)
#mount_ssh_la_LIBADD = libtenon-tools.la
