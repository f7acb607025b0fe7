# source-http.so: files of the web.

if PLUGIN_SOURCE_HTTP
pluginexec_LTLIBRARIES += source-http.la
endif
source_http_la_SOURCES = %D%/http.c %D%/name.c %D%/name.h
source_http_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/plugins
source_http_la_LDFLAGS = $(PLUGIN_LDFLAGS)
source_http_la_LIBADD = libtenon-sourcekit.la
