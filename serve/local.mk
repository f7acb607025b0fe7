# serve: the server of BuildKit's control API behind `tenon serve`; of the command, not of the core.

if HAVE_NGHTTP2
noinst_LTLIBRARIES += libtenon-serve.la
endif
libtenon_serve_la_SOURCES = \
	%D%/addresses.c \
	%D%/addresses.h \
	%D%/agents.c \
	%D%/agents.h \
	%D%/answertext.c \
	%D%/answertext.h \
	%D%/attests.c \
	%D%/attests.h \
	%D%/budget.c \
	%D%/budget.h \
	%D%/asking.c \
	%D%/callerror.c \
	%D%/callerror.h \
	%D%/callset.c \
	%D%/callset.h \
	%D%/clientblobs.c \
	%D%/clientblobs.h \
	%D%/clientbytes.c \
	%D%/clientbytes.h \
	%D%/clientpolicy.c \
	%D%/clientpolicy.h \
	%D%/clientsession.c \
	%D%/clientsession.h \
	%D%/contentcalls.c \
	%D%/contentcalls.h \
	%D%/control.c \
	%D%/devices.c \
	%D%/devices.h \
	%D%/control.h \
	%D%/ctlmessages.c \
	%D%/ctlmessages.h \
	%D%/dirsend.c \
	%D%/dirsend.h \
	%D%/drive.c \
	%D%/drive.h \
	%D%/filesend.c \
	%D%/filesend.h \
	%D%/filesync.c \
	%D%/filesync.h \
	%D%/gomode.c \
	%D%/gomode.h \
	%D%/granted.c \
	%D%/granted.h \
	%D%/historycalls.c \
	%D%/historycalls.h \
	%D%/keptdir.c \
	%D%/keptdir.h \
	%D%/listen.c \
	%D%/oldtree.c \
	%D%/oldtree.h \
	%D%/optionnames.c \
	%D%/optionnames.h \
	%D%/policysession.c \
	%D%/policysession.h \
	%D%/pulse.c \
	%D%/pulse.h \
	%D%/pump.c \
	%D%/pump.h \
	%D%/serve.h \
	%D%/sessionexports.c \
	%D%/sessionexports.h \
	%D%/servejob.c \
	%D%/servejob.h \
	%D%/server.h \
	%D%/solving.c \
	%D%/solving.h \
	%D%/statuslog.c \
	%D%/statuslog.h \
	%D%/tls.c \
	%D%/tls.h \
	%D%/tunnel.c \
	%D%/tunnel.h \
	%D%/unary.c \
	%D%/unary.h \
	%D%/usagecalls.c \
	%D%/usagecalls.h \
	%D%/uploads.c \
	%D%/uploads.h
# The rooms of the core, and what plugins have in common: of these the bridge and gRPC.
libtenon_serve_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/serve -I$(top_srcdir)/history \
	-I$(top_builddir)/plugins/include
libtenon_serve_la_CFLAGS = $(AM_CFLAGS) $(NGHTTP2_CFLAGS)
libtenon_serve_la_LIBADD = $(COMMON_LLBBRIDGE_LIBS)

# Units of systemd: the same two for the system and for users, whose %t and manager differ.
EXTRA_DIST += %D%/systemd/tenon.socket %D%/systemd/tenon.service.in
if HAVE_NGHTTP2
systemunitdir = $(prefix)/lib/systemd/system
userunitdir = $(prefix)/lib/systemd/user
systemunit_DATA = %D%/systemd/tenon.socket
userunit_DATA = %D%/systemd/tenon.socket
systemunit_DATA += %D%/systemd/tenon.service
userunit_DATA += %D%/systemd/tenon.service
CLEANFILES += %D%/systemd/tenon.service
serve/systemd/tenon.service: serve/systemd/tenon.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) serve/systemd && rm -f $@ $@.tmp && \
	sed 's|BIN_DIRECTORY|$(bindir)|' $(srcdir)/serve/systemd/tenon.service.in >$@.tmp && mv $@.tmp $@
endif
