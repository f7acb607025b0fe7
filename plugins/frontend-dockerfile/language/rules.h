/* rules.h - what a build file is checked against, a rule a line:
 *
 *   RULE(NAME, "Name", severity, "url", "one sentence, no full stop")
 *
 * WARNING: on unless skipped; EXPERIMENTAL: off unless asked for.  The sentence is for
 * those who ask what there is, and is said when a rule has nothing more to say.
 * Read twice, by lint.h and lint.c: no guard. */
#define DOCS(page) "https://docs.docker.com/go/dockerfile/rule/" page "/"

/* Fired by df_instructions_parse(). */
RULE(STAGE_NAME_CASING, "StageNameCasing", WARNING,
     DOCS("stage-name-casing"),
     "Stage names should be lowercase")
RULE(FROM_AS_CASING, "FromAsCasing", WARNING,
     DOCS("from-as-casing"),
     "The 'as' keyword should match the case of the 'from' keyword")
RULE(NO_EMPTY_CONTINUATION, "NoEmptyContinuation", WARNING,
     DOCS("no-empty-continuation"),
     "Empty continuation lines will become errors in a future release")
RULE(CONSISTENT_INSTRUCTION_CASING, "ConsistentInstructionCasing", WARNING,
     DOCS("consistent-instruction-casing"),
     "All commands within the Dockerfile should use the same casing (either upper or "
     "lower)")
RULE(DUPLICATE_STAGE_NAME, "DuplicateStageName", WARNING,
     DOCS("duplicate-stage-name"),
     "Stage names should be unique")
RULE(RESERVED_STAGE_NAME, "ReservedStageName", WARNING,
     DOCS("reserved-stage-name"),
     "Reserved words should not be used as stage names")
RULE(MAINTAINER_DEPRECATED, "MaintainerDeprecated", WARNING,
     DOCS("maintainer-deprecated"),
     "The MAINTAINER instruction is deprecated, use a label instead to define an image "
     "author")
RULE(INVALID_DEFINITION_DESCRIPTION, "InvalidDefinitionDescription", EXPERIMENTAL,
     DOCS("invalid-definition-description"),
     "Comment for build stage or argument should follow the format: `# <arg/stage name> "
     "<description>`. If this is not intended to be a description comment, add an empty "
     "line or comment between the instruction and the comment.")

/* Fired by df_ports_parse() (instructions.h), when the words are known. */
RULE(EXPOSE_PROTO_CASING, "ExposeProtoCasing", WARNING,
     DOCS("expose-proto-casing"),
     "Protocol in EXPOSE instruction should be lowercase")
RULE(EXPOSE_INVALID_FORMAT, "ExposeInvalidFormat", WARNING,
     DOCS("expose-invalid-format"),
     "IP address and host-port mapping should not be used in EXPOSE instruction. This will "
     "become an error in a future release")

/* Fired when a stage is turned into a graph: they depend on base images, on variables, or on
 * which stages are wanted. */
RULE(LEGACY_KEY_VALUE_FORMAT, "LegacyKeyValueFormat", WARNING,
     DOCS("legacy-key-value-format"),
     "Legacy key/value format with whitespace separator should not be used")
/* when no SHELL was set before */
RULE(JSON_ARGS_RECOMMENDED, "JSONArgsRecommended", WARNING,
     DOCS("json-args-recommended"),
     "JSON arguments recommended for ENTRYPOINT/CMD to prevent unintended behavior related "
     "to OS signals")
/* at the earlier instruction */
RULE(MULTIPLE_INSTRUCTIONS_DISALLOWED, "MultipleInstructionsDisallowed", WARNING,
     DOCS("multiple-instructions-disallowed"),
     "Multiple instructions of the same type should not be used in the same stage")
RULE(UNDEFINED_ARG_IN_FROM, "UndefinedArgInFrom", WARNING,
     DOCS("undefined-arg-in-from"),
     "FROM command must use declared ARGs")
RULE(WORKDIR_RELATIVE_PATH, "WorkdirRelativePath", WARNING,
     DOCS("workdir-relative-path"),
     "Relative workdir without an absolute workdir declared within the build can have "
     "unexpected results if the base image changes")
RULE(UNDEFINED_VAR, "UndefinedVar", WARNING,
     DOCS("undefined-var"),
     "Variables should be defined before their use")
RULE(INVALID_BASE_IMAGE_PLATFORM, "InvalidBaseImagePlatform", WARNING,
     "",
     "Base image platform does not match expected target platform")
RULE(REDUNDANT_TARGET_PLATFORM, "RedundantTargetPlatform", WARNING,
     DOCS("redundant-target-platform"),
     "Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the "
     "default behavior")
RULE(SECRETS_USED_IN_ARG_OR_ENV, "SecretsUsedInArgOrEnv", WARNING,
     DOCS("secrets-used-in-arg-or-env"),
     "Sensitive data should not be used in the ARG or ENV commands")
RULE(INVALID_DEFAULT_ARG_IN_FROM, "InvalidDefaultArgInFrom", WARNING,
     DOCS("invalid-default-arg-in-from"),
     "Default value for global ARG results in an empty or invalid base image name")
RULE(FROM_PLATFORM_FLAG_CONST_DISALLOWED, "FromPlatformFlagConstDisallowed", WARNING,
     DOCS("from-platform-flag-const-disallowed"),
     "FROM --platform flag should not use a constant value")
RULE(COPY_IGNORED_FILE, "CopyIgnoredFile", WARNING,
     DOCS("copy-ignored-file"),
     "Attempting to Copy file that is excluded by .dockerignore")

#undef DOCS
