/* language/rules.h - the rules that build files are checked against; a new one is an entry
 * here and a df_lint() where it is broken.
 *
 *   RULE(NAME, "Name", severity, "url", "one sentence, no full stop", "what is said")
 *
 * WARNING: on unless skipped; EXPERIMENTAL: off unless asked for.  The sentence is for those
 * who ask what there is, the last text is said about one place: in it %s is the next word
 * passed to df_lint_text(), and %q is the same in quotes.  Both are BuildKit's, word for word.
 * Read twice, by lint.h and lint.c: no guard. */
#define DOCS(page) "https://docs.docker.com/go/dockerfile/rule/" page "/"

/* Found when a file is read: df_instructions_parse(). */
RULE(STAGE_NAME_CASING, "StageNameCasing", WARNING, DOCS("stage-name-casing"),
     "Stage names should be lowercase",
     "Stage name '%s' should be lowercase")
RULE(FROM_AS_CASING, "FromAsCasing", WARNING, DOCS("from-as-casing"),
     "The 'as' keyword should match the case of the 'from' keyword",
     "'%s' and '%s' keywords' casing do not match")
RULE(NO_EMPTY_CONTINUATION, "NoEmptyContinuation", WARNING, DOCS("no-empty-continuation"),
     "Empty continuation lines will become errors in a future release",
     "Empty continuation line")
RULE(CONSISTENT_INSTRUCTION_CASING, "ConsistentInstructionCasing", WARNING,
     DOCS("consistent-instruction-casing"),
     "All commands within the Dockerfile should use the same casing (either upper or lower)",
     "Command '%s' should match the case of the command majority (%s)")
RULE(DUPLICATE_STAGE_NAME, "DuplicateStageName", WARNING, DOCS("duplicate-stage-name"),
     "Stage names should be unique",
     "Duplicate stage name %q, stage names should be unique")
RULE(RESERVED_STAGE_NAME, "ReservedStageName", WARNING, DOCS("reserved-stage-name"),
     "Reserved words should not be used as stage names",
     "Stage name should not use the same name as reserved stage %q")
RULE(MAINTAINER_DEPRECATED, "MaintainerDeprecated", WARNING, DOCS("maintainer-deprecated"),
     "The MAINTAINER instruction is deprecated, use a label instead to define an image author",
     "Maintainer instruction is deprecated in favor of using label")
RULE(INVALID_DEFINITION_DESCRIPTION, "InvalidDefinitionDescription", EXPERIMENTAL,
     DOCS("invalid-definition-description"),
     "Comment for build stage or argument should follow the format: `# <arg/stage name> "
     "<description>`. If this is not intended to be a description comment, add an empty line or "
     "comment between the instruction and the comment.",
     "Comment for %s should follow the format: `# %s <description>`")

/* Found when the words of EXPOSE are known: df_ports_parse(). */
RULE(EXPOSE_PROTO_CASING, "ExposeProtoCasing", WARNING, DOCS("expose-proto-casing"),
     "Protocol in EXPOSE instruction should be lowercase",
     "Defined protocol '%s' in EXPOSE instruction should be lowercase")
RULE(EXPOSE_INVALID_FORMAT, "ExposeInvalidFormat", WARNING, DOCS("expose-invalid-format"),
     "IP address and host-port mapping should not be used in EXPOSE instruction. This will become "
     "an error in a future release",
     "EXPOSE instruction should not define an IP address or host-port mapping, found '%s'")

/* Found when a stage becomes a graph: these depend on base images, on variables, or on which
 * stages are wanted. */
RULE(LEGACY_KEY_VALUE_FORMAT, "LegacyKeyValueFormat", WARNING, DOCS("legacy-key-value-format"),
     "Legacy key/value format with whitespace separator should not be used",
     "\"%s key=value\" should be used instead of legacy \"%s key value\" format")
/* No SHELL was set before. */
RULE(JSON_ARGS_RECOMMENDED, "JSONArgsRecommended", WARNING, DOCS("json-args-recommended"),
     "JSON arguments recommended for ENTRYPOINT/CMD to prevent unintended behavior related to OS "
     "signals",
     "JSON arguments recommended for %s to prevent unintended behavior related to OS signals")
/* At the earlier instruction. */
RULE(MULTIPLE_INSTRUCTIONS_DISALLOWED, "MultipleInstructionsDisallowed", WARNING,
     DOCS("multiple-instructions-disallowed"),
     "Multiple instructions of the same type should not be used in the same stage",
     "Multiple %s instructions should not be used in the same stage because only the last one "
     "will be used")
RULE(UNDEFINED_ARG_IN_FROM, "UndefinedArgInFrom", WARNING, DOCS("undefined-arg-in-from"),
     "FROM command must use declared ARGs",
     "FROM argument '%s' is not declared%s")
RULE(WORKDIR_RELATIVE_PATH, "WorkdirRelativePath", WARNING, DOCS("workdir-relative-path"),
     "Relative workdir without an absolute workdir declared within the build can have unexpected "
     "results if the base image changes",
     "Relative workdir %q can have unexpected results if the base image changes")
RULE(UNDEFINED_VAR, "UndefinedVar", WARNING, DOCS("undefined-var"),
     "Variables should be defined before their use",
     "Usage of undefined variable '$%s'%s")
RULE(INVALID_BASE_IMAGE_PLATFORM, "InvalidBaseImagePlatform", WARNING, "",
     "Base image platform does not match expected target platform",
     "Base image %s was pulled with platform %q, expected %q for current build")
RULE(REDUNDANT_TARGET_PLATFORM, "RedundantTargetPlatform", WARNING,
     DOCS("redundant-target-platform"),
     "Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the default "
     "behavior",
     "Setting platform to predefined %s in FROM is redundant as this is the default behavior")
RULE(SECRETS_USED_IN_ARG_OR_ENV, "SecretsUsedInArgOrEnv", WARNING,
     DOCS("secrets-used-in-arg-or-env"),
     "Sensitive data should not be used in the ARG or ENV commands",
     "Do not use ARG or ENV instructions for sensitive data (%s %q)")
RULE(INVALID_DEFAULT_ARG_IN_FROM, "InvalidDefaultArgInFrom", WARNING,
     DOCS("invalid-default-arg-in-from"),
     "Default value for global ARG results in an empty or invalid base image name",
     "Default value for ARG %s results in empty or invalid base image name")
RULE(FROM_PLATFORM_FLAG_CONST_DISALLOWED, "FromPlatformFlagConstDisallowed", WARNING,
     DOCS("from-platform-flag-const-disallowed"),
     "FROM --platform flag should not use a constant value",
     "FROM --platform flag should not use constant value %q")
RULE(COPY_IGNORED_FILE, "CopyIgnoredFile", WARNING, DOCS("copy-ignored-file"),
     "Attempting to Copy file that is excluded by .dockerignore",
     "Attempting to %s file %q that is excluded by .dockerignore")

#undef DOCS
