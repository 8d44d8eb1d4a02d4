/**
 * Whether the kernel refused with one of these errnos. Told by the error's fields, since plugins know effects only as
 * types.
 */
export function hasErrno(error: unknown, ...names: readonly string[]): boolean {
  return error instanceof Error && "errnoName" in error && names.some((name) => name === error.errnoName);
}
