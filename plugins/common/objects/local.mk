# Caches in stores of objects: what S3, Azure and GitHub have in common.

noinst_LTLIBRARIES += libtenon-common-objects.la
libtenon_common_objects_la_SOURCES = %D%/objects.c %D%/objects.h %D%/settings.c \
	%D%/mac.c %D%/mac.h
libtenon_common_objects_la_CPPFLAGS = $(PLUGIN_CPPFLAGS) $(GNUTLS_CFLAGS)
libtenon_common_objects_la_LIBADD = libtenon-tools.la $(GNUTLS_LIBS)
