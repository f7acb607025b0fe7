# source-http.so: files of the web.

if PLUGIN_SOURCE_HTTP
pluginexec_LTLIBRARIES += source-http.la
endif
source_http_la_SOURCES = %D%/http.c %D%/name.h %D%/suffixed.c %D%/suffixed.h \
	%D%/upload.c %D%/upload.h
source_http_la_CPPFLAGS = $(PLUGIN_CPPFLAGS)
source_http_la_CFLAGS = $(AM_CFLAGS) $(GNUTLS_CFLAGS)
source_http_la_LDFLAGS = $(PLUGIN_LDFLAGS)
source_http_la_LIBADD = libtenon-httpname.la libtenon-common-source.la $(GNUTLS_LIBS)

noinst_LTLIBRARIES += libtenon-httpname.la
libtenon_httpname_la_SOURCES = %D%/name.c %D%/name.h
libtenon_httpname_la_CPPFLAGS = $(PLUGIN_CPPFLAGS)
