# history: records of builds, for the command and the server; not of the core.

noinst_LTLIBRARIES += libtenon-history.la
libtenon_history_la_SOURCES = \
	%D%/buildmessages.c \
	%D%/buildmessages.h \
	%D%/discreet.c \
	%D%/discreet.h \
	%D%/failed.c \
	%D%/history.h \
	%D%/outcome.c \
	%D%/recorder.c \
	%D%/recorder.h \
	%D%/recordfilter.c \
	%D%/records.c \
	%D%/records.h \
	%D%/statusmessage.c \
	%D%/statusmessage.h \
	%D%/stepcount.c \
	%D%/stepcount.h
# The rooms of the core, and what plugins have in common: of these the messages.
libtenon_history_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/history -I$(top_builddir)/plugins/include
libtenon_history_la_LIBADD = libtenon-common-message.la
