/** IFNAMSIZ (linux/if.h) is 16 and counts the closing zero byte. */
const longestInterfaceNameBytes = 15;

/** \s is White_Space without U+0085 and with U+FEFF; \p{White_Space} itself takes 0.4 ms to compile. */
const forbidden = /[/:\0\u0085]|(?!\uFEFF)\s/;

/**
 * What makes a text unusable as an interface name, to be put after a colon; undefined when it is fine.
 * The rule is the reference's: 1 to 15 bytes, not `.` or `..`, no `/`, `:` or Unicode white space; nor a zero byte,
 * where the kernel's name would end, nor `%`: no link has one, since the kernel makes `a%d` the first free of a0, a1
 * and so on.
 */
export function interfaceNameProblem(name: string): string | undefined {
  if (name === "") return "it is empty, expected 1 to 15 bytes";
  if (Buffer.byteLength(name) > longestInterfaceNameBytes) return "it is longer than 15 bytes";
  if (name === "." || name === "..") return "it is a directory's name";
  if (forbidden.test(name)) return 'it holds "/", ":" or white space';
  if (name.includes("%")) return 'it holds "%", which the kernel replaces by a number';
  return undefined;
}

/** ALTIFNAMSIZ (linux/if.h) is 128 and counts the closing zero byte. */
const longestAlternativeNameBytes = 127;

/** The same for what a link that is there may be called: by its name, or by an alternative one of up to 127 bytes. */
export function linkNameProblem(name: string): string | undefined {
  if (name === "") return "it is empty, expected a link's name";
  if (Buffer.byteLength(name) > longestAlternativeNameBytes) return "it is longer than 127 bytes";
  return forbidden.test(name) ? 'it holds "/", ":" or white space' : undefined;
}

/** Whether a text can name an interface. */
export function isInterfaceName(name: string): boolean {
  return interfaceNameProblem(name) === undefined;
}

/** What container ids and network names must look like. */
export const identifierPattern = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;

/** Whether a text can be a container id or a network name; such a text is also a safe file name. */
export function isIdentifier(text: string): boolean {
  return identifierPattern.test(text);
}
