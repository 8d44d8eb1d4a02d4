/**
 * The exports of an ECMAScript module outside this program, by its file URL. scripts/bundle.mjs has its own way there.
 */
export async function importFile(url: string): Promise<unknown> {
  return await import(url);
}
