# cache-s3.so: caches in buckets.

if PLUGIN_CACHE_S3
pluginexec_LTLIBRARIES += cache-s3.la
endif
cache_s3_la_SOURCES = %D%/s3.c %D%/s3.h %D%/request.c %D%/sign.c
cache_s3_la_CPPFLAGS = $(PLUGIN_CPPFLAGS)
cache_s3_la_LDFLAGS = $(PLUGIN_LDFLAGS)
cache_s3_la_LIBADD = libtenon-common-objects.la
