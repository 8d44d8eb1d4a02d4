/** Why a command that a person typed ends; every command prints the message alone and gives the status. */

/** What was typed cannot be understood: exit status 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** What was asked cannot be done; the message follows the grammar of every other error. Exit status 1. */
export class CommandError extends Error {
  override readonly name = "CommandError";
}
