# mount-tmpfs.so

if PLUGIN_MOUNT_TMPFS
pluginexec_LTLIBRARIES += mount-tmpfs.la
endif
mount_tmpfs_la_SOURCES = %D%/tmpfs.c
mount_tmpfs_la_CPPFLAGS = $(PLUGIN_CPPFLAGS)
mount_tmpfs_la_LDFLAGS = $(PLUGIN_LDFLAGS)
