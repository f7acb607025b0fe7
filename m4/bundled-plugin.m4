# TENON_BUNDLED_PLUGIN(KIND-NAME, [CONDITION], [MISSING])
# -------------------------------------------------------
# --disable-plugin-KIND-NAME and the automake conditional PLUGIN_KIND_NAME.
# Where CONDITION (shell) is false the plugin is off, and asking for it by
# --enable-plugin-KIND-NAME is an error that names MISSING.
AC_DEFUN([TENON_BUNDLED_PLUGIN],
[m4_pushdef([TENON_var], m4_translit([$1], [-], [_]))dnl
AC_ARG_ENABLE([plugin-$1],
  [AS_HELP_STRING([--disable-plugin-$1], [do not build the plugin $1])],
  [], [enable_plugin_[]TENON_var=auto])
tenon_plugin_state=$enable_plugin_[]TENON_var
AS_IF([test "$tenon_plugin_state" = no],
    [tenon_plugin_why="no (disabled)"],
  [m4_default([$2], [:])],
    [tenon_plugin_state=yes tenon_plugin_why=yes],
  [test "$tenon_plugin_state" = yes],
    [AC_MSG_ERROR([plugin $1 needs $3])],
  [tenon_plugin_state=no tenon_plugin_why="no (needs $3)"])
AS_VAR_APPEND([tenon_plugin_summary], ["
    $1 $tenon_plugin_why"])
AS_VAR_APPEND([tenon_bundled_plugins], [" $1"])
AM_CONDITIONAL([PLUGIN_]m4_toupper(TENON_var), [test "$tenon_plugin_state" = yes])
m4_popdef([TENON_var])])

# TENON_NO_OTHER_PLUGINS
# ----------------------
# --disable-plugin-TYPO would build what was to be left out, with no more than a warning among many.
AC_DEFUN([TENON_NO_OTHER_PLUGINS],
[for tenon_option in `AS_ECHO(["$ac_unrecognized_opts"]) | tr ',' ' '`; do
  AS_CASE([$tenon_option],
    [--*able-plugin-*], [AC_MSG_ERROR([$tenon_option: there is no such plugin; --help lists them])])
done])
