# cli: the tenon command, one file a verb, verb_NAME.c.

bin_PROGRAMS += tenon
tenon_SOURCES = \
	%D%/cli.h \
	%D%/common.c \
	%D%/configfile.c \
	%D%/homepath.c \
	%D%/credentials.c \
	%D%/dockerface.c \
	%D%/ending.c \
	%D%/ending.h \
	%D%/frontends.c \
	%D%/gitfacts.c \
	%D%/gitfacts.h \
	%D%/historyexport.c \
	%D%/historylogs.c \
	%D%/historyparts.h \
	%D%/historytext.c \
	%D%/imageload.c \
	%D%/imageload.h \
	%D%/imagetext.c \
	%D%/imagetext.h \
	%D%/keep.c \
	%D%/limitsettings.c \
	%D%/main.c \
	%D%/network.c \
	%D%/password.c \
	%D%/password.h \
	%D%/pluginnew.c \
	%D%/pluginnew.h \
	%D%/podmanload.c \
	%D%/podmanload.h \
	%D%/print.c \
	%D%/probe.c \
	%D%/probeformats.c \
	%D%/probeids.c \
	%D%/probe.h \
	%D%/reach.c \
	%D%/reach.h \
	%D%/subids.c \
	%D%/subids.h \
	%D%/usagerows.c \
	%D%/usagerows.h \
	%D%/upkeep.c \
	%D%/upkeep.h \
	%D%/userns.c \
	%D%/userns.h \
	%D%/verb_builder.c \
	%D%/verb_diff.c \
	%D%/verb_docker.c \
	%D%/verb_doctor.c \
	%D%/verb_du.c \
	%D%/verb_fsck.c \
	%D%/verb_history.c \
	%D%/verb_image.c \
	%D%/verb_images.c \
	%D%/verb_lock.c \
	%D%/verb_plugin.c \
	%D%/verb_plugins.c \
	%D%/verb_prune.c \
	%D%/verb_registry.c \
	%D%/verb_sign.c \
	%D%/verb_upkeep.c \
	%D%/verb_verify.c \
	%D%/verb_version.c \
	%D%/verb_why.c \
	%D%/weakness.c \
	%D%/weakness.h
tenon_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_builddir)/cli -I$(top_srcdir)/serve -I$(top_srcdir)/history \
	-I$(top_builddir)/plugins/include
tenon_LDADD = $(serve_LIBS) libtenon-history.la libtenon-core.la
serve_LIBS =
if HAVE_NGHTTP2
tenon_SOURCES += %D%/buildctl.c %D%/buildkitd.c %D%/buildkitd.h \
	%D%/buildkitdkeys.c %D%/toml.c %D%/toml.h
tenon_SOURCES += %D%/servesettings.c %D%/servesettings.h %D%/verb_serve.c
serve_LIBS += libtenon-serve.la
endif
# All that it calls is known before it reads anything hostile.
tenon_LDFLAGS = -Wl,-z,relro -Wl,-z,now $(AM_LDFLAGS)
dist_man_MANS += docs/tenon.1 docs/man/tenon.json.5 docs/man/tenon-plugin.7
# What their --help says: written anew by `docs/man/verb-page --all build/tenon-dev`.
dist_man_MANS += \
	docs/man/tenon-build.1 \
	docs/man/tenon-diff.1 \
	docs/man/tenon-docker.1 \
	docs/man/tenon-doctor.1 \
	docs/man/tenon-du.1 \
	docs/man/tenon-fsck.1 \
	docs/man/tenon-history.1 \
	docs/man/tenon-image.1 \
	docs/man/tenon-images.1 \
	docs/man/tenon-lock.1 \
	docs/man/tenon-plugin.1 \
	docs/man/tenon-plugins.1 \
	docs/man/tenon-prune.1 \
	docs/man/tenon-registry.1 \
	docs/man/tenon-serve.1 \
	docs/man/tenon-shell.1 \
	docs/man/tenon-sign.1 \
	docs/man/tenon-upkeep.1 \
	docs/man/tenon-verify.1 \
	docs/man/tenon-version.1 \
	docs/man/tenon-why.1
# What the header says. Not in docs: make dist packs all that is there.
kind_pages = \
	man/tenon-attester.3 \
	man/tenon-cache.3 \
	man/tenon-executor.3 \
	man/tenon-exporter.3 \
	man/tenon-frontend.3 \
	man/tenon-mount.3 \
	man/tenon-progress.3 \
	man/tenon-scanner.3 \
	man/tenon-source.3
man_MANS = $(kind_pages)
CLEANFILES += $(kind_pages)
$(kind_pages): core/include/tenon-plugin.h docs/man/kind-page
	$(AM_V_GEN)$(MKDIR_P) man && kind=$(@F) && kind=$${kind#tenon-} && \
	sh $(srcdir)/docs/man/kind-page $(srcdir)/core/include/tenon-plugin.h $${kind%.3} >$@.tmp && mv $@.tmp $@

# tenon build
tenon_SOURCES += \
	%D%/buildattest.c \
	%D%/buildattest.h \
	%D%/buildcache.c \
	%D%/buildcache.h \
	%D%/buildcall.c \
	%D%/buildcall.h \
	%D%/buildflags.c \
	%D%/buildflags.h \
	%D%/buildinput.c \
	%D%/buildinput.h \
	%D%/buildlock.c \
	%D%/buildlock.h \
	%D%/buildoutput.c \
	%D%/buildoutput.h \
	%D%/observers.c \
	%D%/observers.h \
	%D%/ownstdout.c \
	%D%/ownstdout.h \
	%D%/buildpolicy.c \
	%D%/buildpolicy.h \
	%D%/buildsign.c \
	%D%/buildsign.h \
	%D%/buildrecord.c \
	%D%/buildrecord.h \
	%D%/checktext.c \
	%D%/checktext.h \
	%D%/containerengine.c \
	%D%/containerengine.h \
	%D%/destination.c \
	%D%/destination.h \
	%D%/knownword.c \
	%D%/knownword.h \
	%D%/localsession.c \
	%D%/localsession.h \
	%D%/nearfile.c \
	%D%/nearfile.h \
	%D%/renderer.c \
	%D%/renderer.h \
	%D%/reprocheck.c \
	%D%/reprocheck.h \
	%D%/sshagent.c \
	%D%/sshagent.h \
	%D%/signwith.c \
	%D%/signwith.h \
	%D%/sshkey.c \
	%D%/sshkey.h \
	%D%/streams.c \
	%D%/streams.h \
	%D%/terminal.c \
	%D%/terminal.h \
	%D%/verb_build.c \
	%D%/verb_shell.c

# The program and the plugins of this build tree, without an installation.
noinst_SCRIPTS += tenon-dev
EXTRA_DIST += %D%/tenon-dev.in
CLEANFILES += tenon-dev
tenon-dev: cli/tenon-dev.in Makefile
	$(AM_V_GEN)rm -f $@ $@.tmp && \
	sed 's|BUILD_DIRECTORY|$(abs_top_builddir)|' $(srcdir)/cli/tenon-dev.in >$@.tmp && \
	chmod 755 $@.tmp && mv $@.tmp $@

# The packages that `tenon plugin new` writes.
new_plugin_files = \
	$(srcdir)/%D%/newplugin/all/Makefile \
	$(srcdir)/%D%/newplugin/all/debian/changelog \
	$(srcdir)/%D%/newplugin/all/debian/control \
	$(srcdir)/%D%/newplugin/all/debian/copyright \
	$(srcdir)/%D%/newplugin/all/debian/rules \
	$(srcdir)/%D%/newplugin/all/debian/source/format \
	$(srcdir)/%D%/newplugin/attester/Dockerfile \
	$(srcdir)/%D%/newplugin/attester/README.md \
	$(srcdir)/%D%/newplugin/attester/plugin.c.in \
	$(srcdir)/%D%/newplugin/attester/test.c.in \
	$(srcdir)/%D%/newplugin/exporter/Dockerfile \
	$(srcdir)/%D%/newplugin/exporter/README.md \
	$(srcdir)/%D%/newplugin/exporter/plugin.c.in \
	$(srcdir)/%D%/newplugin/exporter/test.c.in \
	$(srcdir)/%D%/newplugin/frontend/Dockerfile \
	$(srcdir)/%D%/newplugin/frontend/README.md \
	$(srcdir)/%D%/newplugin/frontend/plugin.c.in \
	$(srcdir)/%D%/newplugin/frontend/test.c.in \
	$(srcdir)/%D%/newplugin/mount/Dockerfile \
	$(srcdir)/%D%/newplugin/mount/README.md \
	$(srcdir)/%D%/newplugin/mount/plugin.c.in \
	$(srcdir)/%D%/newplugin/mount/test.c.in \
	$(srcdir)/%D%/newplugin/progress/Dockerfile \
	$(srcdir)/%D%/newplugin/progress/README.md \
	$(srcdir)/%D%/newplugin/progress/plugin.c.in \
	$(srcdir)/%D%/newplugin/progress/test.c.in \
	$(srcdir)/%D%/newplugin/source/Dockerfile \
	$(srcdir)/%D%/newplugin/source/README.md \
	$(srcdir)/%D%/newplugin/source/plugin.c.in \
	$(srcdir)/%D%/newplugin/source/test.c.in
EXTRA_DIST += %D%/newplugin %D%/newplugin.sh
CLEANFILES += %D%/newplugin.inc
%D%/newplugin.inc: $(new_plugin_files) $(srcdir)/%D%/newplugin.sh
	$(AM_V_GEN)$(MKDIR_P) %D% && \
	sh $(srcdir)/cli/newplugin.sh $(srcdir)/cli/newplugin $(new_plugin_files) >$@.tmp && mv $@.tmp $@
%D%/tenon-pluginnew.$(OBJEXT): %D%/newplugin.inc

# They hold where plugins are installed: configured anew, they are compiled anew.
%D%/tenon-common.$(OBJEXT) %D%/tenon-verb_plugins.$(OBJEXT) %D%/tenon-verb_version.$(OBJEXT): Makefile

# What shells offer after "tenon ...": where each of them looks.
bashcompletiondir = $(datadir)/bash-completion/completions
zshcompletiondir = $(datadir)/zsh/site-functions
fishcompletiondir = $(datadir)/fish/vendor_completions.d
dist_zshcompletion_DATA = %D%/completion/_tenon
dist_fishcompletion_DATA = %D%/completion/tenon.fish
EXTRA_DIST += %D%/completion/tenon.bash
install-data-local:
	$(MKDIR_P) "$(DESTDIR)$(bashcompletiondir)"
	$(INSTALL_DATA) $(srcdir)/cli/completion/tenon.bash "$(DESTDIR)$(bashcompletiondir)/tenon"
uninstall-local:
	rm -f "$(DESTDIR)$(bashcompletiondir)/tenon"
