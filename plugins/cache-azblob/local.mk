# cache-azblob.so: caches in containers of Azure.

if PLUGIN_CACHE_AZBLOB
pluginexec_LTLIBRARIES += cache-azblob.la
endif
cache_azblob_la_SOURCES = %D%/azblob.c %D%/container.c %D%/container.h
cache_azblob_la_CPPFLAGS = $(PLUGIN_CPPFLAGS)
cache_azblob_la_LDFLAGS = $(PLUGIN_LDFLAGS)
cache_azblob_la_LIBADD = libtenon-common-objects.la
