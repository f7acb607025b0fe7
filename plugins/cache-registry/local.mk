# cache-registry.so: caches in registries.

if PLUGIN_CACHE_REGISTRY
pluginexec_LTLIBRARIES += cache-registry.la
endif
cache_registry_la_SOURCES = %D%/registry.c
cache_registry_la_CPPFLAGS = $(PLUGIN_CPPFLAGS)
cache_registry_la_LDFLAGS = $(PLUGIN_LDFLAGS)
cache_registry_la_LIBADD = libtenon-tools.la
