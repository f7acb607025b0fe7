# cache-gha.so: caches of GitHub's Actions.

if PLUGIN_CACHE_GHA
pluginexec_LTLIBRARIES += cache-gha.la
endif
cache_gha_la_SOURCES = %D%/ask.c %D%/ask.h %D%/gha.c %D%/service.c %D%/service.h %D%/service1.c %D%/service2.c \
	%D%/listing.c %D%/token.c %D%/token.h
cache_gha_la_CPPFLAGS = $(PLUGIN_CPPFLAGS)
cache_gha_la_LDFLAGS = $(PLUGIN_LDFLAGS)
cache_gha_la_LIBADD = libtenon-common-objects.la $(JSON_C_LIBS)
