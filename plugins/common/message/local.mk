# common/message: protobuf messages by tables; a convenience library, no plugin.  Whoever links
# it links the toolbox.
noinst_LTLIBRARIES += libtenon-common-message.la
libtenon_common_message_la_SOURCES = \
	%D%/message.c \
	%D%/message.h
libtenon_common_message_la_CPPFLAGS = $(PLUGIN_CPPFLAGS)
COMMON_MESSAGE_LIBS = libtenon-common-message.la libtenon-tools.la
