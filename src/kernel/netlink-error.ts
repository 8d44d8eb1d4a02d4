import { errnoName, errnoText } from "../os/index.ts";

/** The kernel's answer to a netlink request it refused. Branch on `errnoName`, never on the message. */
export class NetlinkError extends Error {
  override readonly name = "NetlinkError";
  /** The act and its object: `add link "eth0"`. */
  readonly operation: string;
  /** Positive. */
  readonly errno: number;
  /** "EEXIST" and the like. */
  readonly errnoName: string;
  /** The kernel's own sentence (NLMSGERR_ATTR_MSG), when it gave one. */
  readonly kernelText: string | undefined;
  /** Where in the request the attribute to blame starts, in bytes from its nlmsghdr (NLMSGERR_ATTR_OFFS). */
  readonly offset: number | undefined;

  constructor(operation: string, errno: number, kernelText?: string, offset?: number) {
    const name = errnoName(errno);
    super(`Cannot ${operation}: kernel said ${name} (${kernelText ?? errnoText(errno)})`);
    this.operation = operation;
    this.errno = errno;
    this.errnoName = name;
    this.kernelText = kernelText;
    this.offset = offset;
  }
}

/** Whether `error` is the kernel refusing with one of these errnos: `isErrno(error, "ENODEV", "ENOENT")`. */
export function isErrno(error: unknown, ...names: readonly string[]): error is NetlinkError {
  return error instanceof NetlinkError && names.includes(error.errnoName);
}
