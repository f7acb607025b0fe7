# mount-cache.so

if PLUGIN_MOUNT_CACHE
pluginexec_LTLIBRARIES += mount-cache.la
endif
mount_cache_la_SOURCES = %D%/cache.c
mount_cache_la_CPPFLAGS = $(PLUGIN_CPPFLAGS)
mount_cache_la_LDFLAGS = $(PLUGIN_LDFLAGS)
