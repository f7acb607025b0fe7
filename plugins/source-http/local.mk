# source-http.so; once there are sources, take the '#' away:
#
#if PLUGIN_SOURCE_HTTP
#pluginexec_LTLIBRARIES += source-http.la
#endif
#source_http_la_SOURCES = %D%/http.c
#source_http_la_LDFLAGS = $(PLUGIN_LDFLAGS)
#source_http_la_LIBADD = libtenon-tools.la
