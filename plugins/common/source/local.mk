# What source plugins share: attributes and the user's secrets.

noinst_LTLIBRARIES += libtenon-common-source.la
libtenon_common_source_la_SOURCES = %D%/blobfile.c %D%/blobfile.h \
	%D%/source.c %D%/source.h
libtenon_common_source_la_CPPFLAGS = $(PLUGIN_CPPFLAGS)
libtenon_common_source_la_LIBADD = libtenon-tools.la
