# What source plugins share: attributes and the user's secrets.

noinst_LTLIBRARIES += libtenon-sourcekit.la
libtenon_sourcekit_la_SOURCES = %D%/sourcekit.c %D%/sourcekit.h
libtenon_sourcekit_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/plugins
libtenon_sourcekit_la_LIBADD = libtenon-tools.la
