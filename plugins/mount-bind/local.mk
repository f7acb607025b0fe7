# mount-bind.so

if PLUGIN_MOUNT_BIND
pluginexec_LTLIBRARIES += mount-bind.la
endif
mount_bind_la_SOURCES = %D%/bind.c
mount_bind_la_CPPFLAGS = $(PLUGIN_CPPFLAGS)
mount_bind_la_LDFLAGS = $(PLUGIN_LDFLAGS)
