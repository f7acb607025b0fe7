# common/ssh-agent: an agent that lists keys and signs, and does nothing else; for
# mount-ssh and source-git.
noinst_LTLIBRARIES += libtenon-common-ssh-agent.la
libtenon_common_ssh_agent_la_SOURCES = \
	%D%/filter.c \
	%D%/filter.h \
	%D%/proxy.c \
	%D%/proxy.h
libtenon_common_ssh_agent_la_CPPFLAGS = $(PLUGIN_CPPFLAGS)
COMMON_SSH_AGENT_LIBS = libtenon-common-ssh-agent.la
