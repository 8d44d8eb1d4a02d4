import { CniError } from "../../cni/index.ts";
import { AddressError } from "../../net/index.ts";
import { CommandError, UsageError } from "../errors.ts";
import { CompileError } from "./compile.ts";
import { CaseError } from "./kit/case.ts";

const forPeople = [UsageError, CommandError, CompileError, CaseError, AddressError, CniError] as const;

/** Whether an error is one a person can act upon; anything else is our own bug. */
export function isForPeople(error: unknown): error is InstanceType<(typeof forPeople)[number]> {
  return forPeople.some((kind) => error instanceof kind);
}
