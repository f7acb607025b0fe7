# mount-tmpfs.so; once there are sources, take the '#' away:
#
#if PLUGIN_MOUNT_TMPFS
#pluginexec_LTLIBRARIES += mount-tmpfs.la
#endif
#mount_tmpfs_la_SOURCES = %D%/tmpfs.c
#mount_tmpfs_la_LDFLAGS = $(PLUGIN_LDFLAGS)
#mount_tmpfs_la_LIBADD = libtenon-tools.la
