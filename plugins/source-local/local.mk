# source-local.so: the build context and named directories, in place.

if PLUGIN_SOURCE_LOCAL
pluginexec_LTLIBRARIES += source-local.la
endif
source_local_la_SOURCES = %D%/local.c
source_local_la_CPPFLAGS = $(PLUGIN_CPPFLAGS)
source_local_la_LDFLAGS = $(PLUGIN_LDFLAGS)
source_local_la_LIBADD = libtenon-common-source.la $(JSON_C_LIBS)
tests_unit_test_source_local_CPPFLAGS = $(AM_CPPFLAGS) $(PLUGIN_TEST_CPPFLAGS)
tests_unit_test_source_local_LDADD = libtenon-common-source.la $(LDADD)
