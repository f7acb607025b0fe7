# source-http.so: files of the web.

if PLUGIN_SOURCE_HTTP
pluginexec_LTLIBRARIES += source-http.la
endif
source_http_la_SOURCES = %D%/http.c %D%/name.h
source_http_la_CPPFLAGS = $(PLUGIN_CPPFLAGS)
source_http_la_LDFLAGS = $(PLUGIN_LDFLAGS)
source_http_la_LIBADD = libtenon-httpname.la libtenon-common-source.la

noinst_LTLIBRARIES += libtenon-httpname.la
libtenon_httpname_la_SOURCES = %D%/name.c %D%/name.h
libtenon_httpname_la_CPPFLAGS = $(PLUGIN_CPPFLAGS)

if PLUGIN_SOURCE_HTTP
if HAVE_CHECK
check_PROGRAMS += tests/unit/test-source-http
TESTS += tests/unit/test-source-http
endif
endif
tests_unit_test_source_http_CPPFLAGS = $(AM_CPPFLAGS) $(PLUGIN_TEST_CPPFLAGS)
tests_unit_test_source_http_LDADD = libtenon-httpname.la $(LDADD)
