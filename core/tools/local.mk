# core/tools: from values to values; no errors of the core, no files, no state.  Bundled
# plugins may use it: docs/architecture.md, libtenon-tools.

libtenon_tools_la_SOURCES += \
	%D%/alloc.c \
	%D%/alloc.h \
	%D%/arena.c \
	%D%/arena.h \
	%D%/ascii.c \
	%D%/ascii.h \
	%D%/base64.c \
	%D%/base64.h \
	%D%/buf.c \
	%D%/buf.h \
	%D%/chunker.c \
	%D%/chunker.h \
	%D%/cleanup.h \
	%D%/comma.c \
	%D%/comma.h \
	%D%/conceal.c \
	%D%/conceal.h \
	%D%/excerpt.c \
	%D%/excerpt.h \
	%D%/fieldfilter.c \
	%D%/fieldfilter.h \
	%D%/goregexp.c \
	%D%/goregexp.h \
	%D%/goregexpcode.h \
	%D%/goregexprun.c \
	%D%/jsontext.c \
	%D%/jsontext.h \
	%D%/ociindex.c \
	%D%/ociindex.h \
	%D%/parse.c \
	%D%/parse.h \
	%D%/path.c \
	%D%/path.h \
	%D%/pattern.c \
	%D%/pattern.h \
	%D%/platform.c \
	%D%/platform.h \
	%D%/regexp.c \
	%D%/regexp.h \
	%D%/sniff.c \
	%D%/sniff.h \
	%D%/tarheader.c \
	%D%/tarheader.h \
	%D%/text.c \
	%D%/text.h \
	%D%/ulimit.c \
	%D%/ulimit.h \
	%D%/unicode.c \
	%D%/unicode.h \
	%D%/unicoderuns.h \
	%D%/utf8.c \
	%D%/utf8.h \
	%D%/vec.h
