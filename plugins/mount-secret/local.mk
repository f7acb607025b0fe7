# mount-secret.so; once there are sources, take the '#' away:
#
#if PLUGIN_MOUNT_SECRET
#pluginexec_LTLIBRARIES += mount-secret.la
#endif
#mount_secret_la_SOURCES = %D%/secret.c
#mount_secret_la_LDFLAGS = $(PLUGIN_LDFLAGS)
#mount_secret_la_LIBADD = libtenon-tools.la
