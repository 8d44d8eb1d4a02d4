/**
 * Names of objects in a cluster. No API server keeps an object under any other name, so refusing others early loses
 * nothing, and they are safe in a path or a URL.
 */
const labelPattern = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/;
const subdomainPattern = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/;
const labelCharsMax = 63, subdomainCharsMax = 253;

/** Letters, digits and dashes, as the comma form and the specification want it (DNS-1123 label). */
export function isLabel(text: string): boolean {
  return text.length <= labelCharsMax && labelPattern.test(text);
}

/** The same parts joined by dots, as the API has it (DNS-1123 subdomain). */
export function isSubdomain(text: string): boolean {
  return text.length <= subdomainCharsMax && subdomainPattern.test(text);
}

export const labelWords = 'lower-case letters, digits and "-", at most 63, beginning and ending with a letter or digit';
export const subdomainWords =
  'lower-case letters, digits, "-" and ".", at most 253, beginning and ending with a letter or digit';
