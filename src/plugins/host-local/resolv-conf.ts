import type { Dns } from "../../cni/index.ts";

/**
 * The part of a resolv.conf(5) that a CNI result has room for. Nameservers, search domains and options add up over the
 * lines; the last domain wins.
 */
export function parseResolvConf(text: string): Dns {
  const nameservers: string[] = [];
  const search: string[] = [];
  const options: string[] = [];
  let domain: string | undefined;
  for (const line of text.split("\n").map((line) => line.trim())) {
    if (line.startsWith("#") || line.startsWith(";")) continue;
    const [keyword, first, ...rest] = line.split(/\s+/);
    if (first === undefined) continue;
    if (keyword === "nameserver") nameservers.push(first);
    else if (keyword === "domain") domain = first;
    else if (keyword === "search") search.push(first, ...rest);
    else if (keyword === "options") options.push(first, ...rest);
  }
  return {
    ...(nameservers.length === 0 ? {} : { nameservers }),
    ...(domain === undefined ? {} : { domain }),
    ...(search.length === 0 ? {} : { search }),
    ...(options.length === 0 ? {} : { options }),
  };
}
