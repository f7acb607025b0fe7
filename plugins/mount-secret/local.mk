# mount-secret.so

if PLUGIN_MOUNT_SECRET
pluginexec_LTLIBRARIES += mount-secret.la
endif
mount_secret_la_SOURCES = %D%/secret.c
mount_secret_la_CPPFLAGS = $(PLUGIN_CPPFLAGS)
mount_secret_la_LDFLAGS = $(PLUGIN_LDFLAGS)
